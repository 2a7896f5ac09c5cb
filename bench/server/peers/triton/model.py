"""A model of Triton's Python backend: hosts the function that the model is named after."""

import json
import os
import sys

sys.path[:0] = os.environ["PEER_PATH"].split(":")

import numpy as np
import triton_python_backend_utils as pb

from functions import INPUTS, OUTPUTS, function


class TritonPythonModel:
    def initialize(self, args):
        name = json.loads(args["model_config"])["name"]
        self.alias, self.outputs = INPUTS[name], OUTPUTS[name]
        self.run = function(name, os.environ["PEER_MODELS"], "numpy")

    def execute(self, requests):
        answers = []
        for request in requests:
            found = self.run(pb.get_input_tensor_by_name(request, self.alias).as_numpy())
            answers.append(pb.InferenceResponse([pb.Tensor(key, np.ascontiguousarray(found[key])) for key in self.outputs]))
        return answers
