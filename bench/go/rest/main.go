// rest is the REST front that one would write in Go today: gin, encoding/json, generated messages, grpc-go. It knows TensorFlow Serving's row format
// for one float input, which is what the benchmark sends.
package main

import (
	"encoding/binary"
	"flag"
	"log"
	"math"
	"net/http"
	"runtime"
	"strings"

	"github.com/gin-gonic/gin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"tfs/bench/pb/tensorflow/core/framework"
	"tfs/bench/pb/tensorflow_serving/apis"
)

// Windows and limits as in forward.
const (
	streamWindow     = 1 << 20
	connectionWindow = 16 << 20
	messageMax       = 64 << 20
)

// A tensor with more values than this goes as tensor_content, which is cheaper to encode.
const contentFrom = 100

type predictBody struct {
	SignatureName string `json:"signature_name"`
	Instances     any    `json:"instances"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8014", "address to listen on")
	backend := flag.String("backends", "127.0.0.1:9001", "address of the backend")
	workers := flag.Int("workers", 1, "processors to use")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)

	conn, err := grpc.NewClient("passthrough:///"+*backend,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageMax)))
	if err != nil {
		log.Fatal(err)
	}
	gin.SetMode(gin.ReleaseMode)
	router := gin.New() // no access log
	router.Use(gin.Recovery())
	router.POST("/v1/models/:call", func(c *gin.Context) {
		model, found := strings.CutSuffix(c.Param("call"), ":predict")
		if !found {
			c.JSON(http.StatusNotFound, gin.H{"error": "no such call"})
			return
		}
		predict(c, conn, model)
	})
	log.Fatal(router.Run(*listen))
}

func predict(c *gin.Context, conn *grpc.ClientConn, model string) {
	var body predictBody
	if err := c.ShouldBindJSON(&body); err != nil {
		c.JSON(http.StatusBadRequest, gin.H{"error": err.Error()})
		return
	}
	var shape []int64
	values := flatten(body.Instances, nil, &shape, 0)
	request := &apis.PredictRequest{
		ModelSpec: &apis.ModelSpec{Name: model, SignatureName: body.SignatureName},
		Inputs:    map[string]*framework.TensorProto{"x": tensor(values, shape)},
	}
	response := &apis.PredictResponse{}
	if err := conn.Invoke(c.Request.Context(), "/tensorflow.serving.PredictionService/Predict", request, response); err != nil {
		c.JSON(http.StatusServiceUnavailable, gin.H{"error": err.Error()})
		return
	}
	for _, output := range response.Outputs { // one output: TensorFlow Serving leaves its name out
		var dims []int64
		for _, d := range output.TensorShape.Dim {
			dims = append(dims, d.Size)
		}
		c.JSON(http.StatusOK, gin.H{"predictions": nest(output.FloatVal, dims)})
	}
}

func tensor(values []float32, shape []int64) *framework.TensorProto {
	t := &framework.TensorProto{Dtype: framework.DataType_DT_FLOAT, TensorShape: &framework.TensorShapeProto{}}
	for _, size := range shape {
		t.TensorShape.Dim = append(t.TensorShape.Dim, &framework.TensorShapeProto_Dim{Size: size})
	}
	if len(values) <= contentFrom {
		t.FloatVal = values
		return t
	}
	t.TensorContent = make([]byte, 0, 4*len(values))
	for _, v := range values {
		t.TensorContent = binary.LittleEndian.AppendUint32(t.TensorContent, math.Float32bits(v))
	}
	return t
}

// flatten collects the numbers of a nested list, and its shape by the first element of each level.
func flatten(v any, values []float32, shape *[]int64, depth int) []float32 {
	switch x := v.(type) {
	case []any:
		if len(*shape) == depth {
			*shape = append(*shape, int64(len(x)))
		}
		for _, element := range x {
			values = flatten(element, values, shape, depth+1)
		}
	case float64:
		values = append(values, float32(x))
	}
	return values
}

func nest(values []float32, shape []int64) any {
	if len(shape) <= 1 {
		return values
	}
	rows := make([]any, shape[0])
	size := len(values) / len(rows)
	for i := range rows {
		rows[i] = nest(values[i*size:(i+1)*size], shape[1:])
	}
	return rows
}
