"""What people write by hand: a grpcio server over TensorFlow, with the published messages of TensorFlow Serving. usage: grpcio_server.py PORT MODELS"""

import sys
from concurrent import futures

from functions import INPUTS, function

import grpc
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

PORT, MODELS = sys.argv[1:]


class Service(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self):
        self.functions = {name: function(name, MODELS, "tensorflow") for name in INPUTS}

    def Predict(self, request, context):
        name = request.model_spec.name
        found = self.functions[name](tf.make_ndarray(request.inputs[INPUTS[name]]))
        response = predict_pb2.PredictResponse(model_spec=request.model_spec)
        for key, value in found.items():
            response.outputs[key].CopyFrom(tf.make_tensor_proto(value))
        return response


server = grpc.server(futures.ThreadPoolExecutor(max_workers=8), options=[("grpc.max_receive_message_length", 64 << 20)])
prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(Service(), server)
server.add_insecure_port(f"127.0.0.1:{PORT}")
server.start()
server.wait_for_termination()
