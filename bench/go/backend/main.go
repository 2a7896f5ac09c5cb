// backend is a stub of a model server: HTTP/2 over plain TCP or TLS, one canned gRPC answer to every request. It costs 1 to 2 µs a request, so that the
// proxies in front of it are what is measured. It ignores request headers, and compares request bodies with what they should be.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

type options struct {
	answer   []byte        // what a call is answered with, with gRPC's five-byte prefix
	want     []byte        // what every request body must be, or nil for any
	metadata []byte        // the answer to GetModelMetadata, or nil if that is not asked for
	delay    time.Duration // between the end of a request and its answer
	stream   bool          // every message of a request is answered, not the end of it
	capture  func([]byte)  // gets the first Predict body before that is answered, or is nil
}

func main() {
	log.SetFlags(0)
	addresses := flag.String("listen", "127.0.0.1:9001", "comma-separated addresses to listen on")
	answer := flag.String("answer", "", "file with the answer to every call, with gRPC prefix")
	want := flag.String("want", "", "file with the body that every request must have; without it any")
	metadata := flag.String("metadata", "", "file with the answer to GetModelMetadata, with gRPC prefix")
	capture := flag.String("capture", "", "file to write the first Predict body to")
	delay := flag.Duration("delay", 0, "time between the end of a request and its answer")
	cert := flag.String("cert", "", "PEM file with a certificate; with it, TLS")
	key := flag.String("key", "", "PEM file with its key")
	stream := flag.Bool("stream", false, "answer every message of a request; a message is what -want says")
	flag.Parse()

	o := &options{answer: file(*answer), want: file(*want), metadata: file(*metadata), delay: *delay, stream: *stream}
	if o.stream && len(o.want) == 0 {
		log.Fatal("-stream needs -want: it says how long a message is")
	}
	if *capture != "" {
		var once sync.Once
		o.capture = func(body []byte) {
			once.Do(func() {
				if err := os.WriteFile(*capture, body, 0o600); err != nil {
					log.Fatal(err)
				}
			})
		}
	}
	for _, address := range strings.Split(*addresses, ",") {
		listener, err := net.Listen("tcp", address)
		if err != nil {
			log.Fatal(err)
		}
		if *cert != "" {
			pair, err := tls.LoadX509KeyPair(*cert, *key)
			if err != nil {
				log.Fatal(err)
			}
			listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2"}})
		}
		go accept(listener, o)
	}
	fmt.Println("listening")
	select {}
}

func file(name string) []byte {
	if name == "" {
		return nil
	}
	content, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	return content
}

func accept(listener net.Listener, o *options) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(conn, o)
	}
}
