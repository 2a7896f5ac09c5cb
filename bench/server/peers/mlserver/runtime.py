"""A model of MLServer: hosts the function that the model is named after."""

import os

from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceResponse

from functions import OUTPUTS, function


class Function(MLModel):
    async def load(self) -> bool:
        self.run = function(self.name, os.environ["PEER_MODELS"], "numpy")
        return True

    async def predict(self, payload) -> InferenceResponse:
        found = self.run(NumpyCodec.decode_input(payload.inputs[0]))
        outputs = [NumpyCodec.encode_output(key, found[key]) for key in OUTPUTS[self.name]]
        return InferenceResponse(id=payload.id, model_name=self.name, outputs=outputs)
