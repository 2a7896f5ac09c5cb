// forward is the gRPC proxy that one would write with grpc-go: every method of every service, messages passed on as bytes, backends in turn.
// It does not copy request metadata, which is in its favour. Messages are copied into slices and out again, as the raw codecs of the well-known proxy
// libraries do; with -share they are passed on in grpc-go's own buffers.
package main

import (
	"errors"
	"flag"
	"io"
	"log"
	"net"
	"runtime"
	"strings"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

// Windows as large as the other peers get; grpc-go measures the bandwidth-delay product by pings unless windows are fixed.
const (
	streamWindow     = 1 << 20
	connectionWindow = 16 << 20
	messageMax       = 64 << 20
	streamsMax       = 100_000
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8005", "address to listen on")
	backends := flag.String("backends", "127.0.0.1:9001", "comma-separated addresses of backends")
	workers := flag.Int("workers", 1, "processors to use")
	share := flag.Bool("share", false, "pass messages on in the buffers that they came in")
	flag.Parse()
	runtime.GOMAXPROCS(*workers)
	call, serve := grpc.ForceCodec(copying{}), grpc.ForceServerCodec(copying{})
	if *share {
		call, serve = grpc.ForceCodecV2(sharing{}), grpc.ForceServerCodecV2(sharing{})
	}

	var pool []*grpc.ClientConn
	for _, backend := range strings.Split(*backends, ",") {
		conn, err := grpc.NewClient("passthrough:///"+backend,
			grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithInitialWindowSize(streamWindow),
			grpc.WithInitialConnWindowSize(connectionWindow),
			grpc.WithDefaultCallOptions(call, grpc.MaxCallRecvMsgSize(messageMax)))
		if err != nil {
			log.Fatal(err)
		}
		pool = append(pool, conn)
	}
	var turn atomic.Uint64
	pass := func(_ any, stream grpc.ServerStream) error {
		method, ok := grpc.MethodFromServerStream(stream)
		if !ok {
			return status.Error(codes.Internal, "a call without a method")
		}
		var request, response message
		if err := stream.RecvMsg(&request); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		defer request.shared.Free()
		if err := pool[turn.Add(1)%uint64(len(pool))].Invoke(stream.Context(), method, &request, &response); err != nil {
			return err
		}
		defer response.shared.Free()
		return stream.SendMsg(&response)
	}
	server := grpc.NewServer(
		serve,
		grpc.UnknownServiceHandler(pass),
		grpc.MaxRecvMsgSize(messageMax),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.MaxConcurrentStreams(streamsMax))
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(server.Serve(listener))
}
