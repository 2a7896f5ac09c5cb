// load is the benchmark's client. It keeps a number of calls in flight (closed loop) or sends a number a second (open loop), and checks every answer:
// status and body, byte for byte. It is told what to do by lines on standard input and says what happened by lines of JSON.
//
//	mark      answers with what happened since the last mark, and begins anew
//	rate R    begins R calls a second from now on, however many are in flight; 0 is none
//	calls N   keeps N calls in flight on each connection from now on
//
// The last two are for gRPC with a rate.
// It ends when its standard input does.
package main

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// options is what all connections share.
type options struct {
	target, path string
	body, want   []byte
	calls        int           // in flight on each connection
	openLoop     bool          // calls begin when the pacer says so, not when another ends
	timeouts     bool          // a grpc-timeout of its own for each call
	timeout      time.Duration // of each call of the open loop, from when it is due: what takes longer is given up; 0 is none
	once         bool          // one round of calls, then silence
	stream       bool          // calls are streams that stay open; each answer is followed by the next message
	headers      []string      // of HTTP/1.1 requests, besides what every request has
	tally        *tally
	dial         func() (net.Conn, error)
}

// client is one connection.
type client interface {
	run()                  // serves it until it breaks
	begin(due []time.Time) // starts calls of the open loop
	keep(calls int)        // makes it a closed loop of so many calls; -1 makes it an open one
	inFlight() int
}

func main() {
	log.SetFlags(0)
	o := &options{tally: newTally()}
	flag.StringVar(&o.target, "target", "127.0.0.1:9001", "address to send to")
	ca := flag.String("ca", "", "PEM file with the authority of the target's certificate, which must be for localhost; with it, TLS")
	protocol := flag.String("protocol", "grpc", "grpc, or http1 for POSTs over HTTP/1.1")
	connections := flag.Int("connections", 1, "connections")
	flag.IntVar(&o.calls, "calls", 1, "calls in flight on each connection")
	rate := flag.Float64("rate", 0, "calls begun a second over all connections, however many are in flight; 0 is a closed loop")
	flag.StringVar(&o.path, "path", "/tensorflow.serving.PredictionService/Predict", "path of every call")
	body := flag.String("body", "", "file with the request body")
	want := flag.String("want", "", "file with the body that every answer must have")
	flag.BoolVar(&o.timeouts, "timeouts", false, "send a different grpc-timeout with each call")
	flag.DurationVar(&o.timeout, "timeout", 0, "time that a call of the open loop may take from when it is due; then it is reset, and has failed")
	flag.BoolVar(&o.once, "once", false, "make one round of calls and then only hold the connections")
	flag.BoolVar(&o.stream, "stream", false, "keep calls open and send a message after each answer")
	flag.Func("header", "a header of HTTP/1.1 requests, NAME: VALUE; may be repeated", func(header string) error {
		o.headers = append(o.headers, header)
		return nil
	})
	flag.Parse()
	o.body, o.want, o.openLoop = file(*body), file(*want), *rate > 0
	if o.timeout > 0 && !o.openLoop {
		log.Fatal("a timeout is for the open loop")
	}
	if *protocol != "grpc" && (o.openLoop || o.stream || o.timeouts) {
		log.Fatal("rates, streams and timeouts are for gRPC")
	}

	o.dial = func() (net.Conn, error) { return dial(o.target, *ca, *protocol) }
	clients := make([]client, *connections)
	for i := range clients {
		conn, err := o.dial()
		if err != nil {
			log.Fatal(err)
		}
		if *protocol == "grpc" {
			clients[i] = newGRPCClient(conn, o)
		} else {
			clients[i] = newHTTP1Client(conn, o)
		}
		go clients[i].run()
	}
	rates := make(chan float64)
	if o.openLoop {
		go pace(clients, *rate, rates)
	}
	fmt.Println(`{"connected":true}`)
	serve(clients, o, rates)
}

// dial connects, over TLS if there is an authority to believe.
func dial(target, ca, protocol string) (net.Conn, error) {
	if ca == "" {
		return net.Dial("tcp", target)
	}
	config := &tls.Config{RootCAs: x509.NewCertPool(), ServerName: "localhost", NextProtos: []string{"h2"}}
	if protocol != "grpc" {
		config.NextProtos = []string{"http/1.1"}
	}
	if !config.RootCAs.AppendCertsFromPEM(file(ca)) {
		return nil, fmt.Errorf("%s has no certificate", ca)
	}
	return tls.Dial("tcp", target, config)
}

func file(name string) []byte {
	content, err := os.ReadFile(name)
	if err != nil {
		log.Fatal(err)
	}
	return content
}

// serve does what standard input says.
func serve(clients []client, o *options, rates chan<- float64) {
	out := json.NewEncoder(os.Stdout)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		command, number, told := strings.Cut(lines.Text(), " ")
		value, err := strconv.ParseFloat(number, 64)
		switch {
		case command == "mark" && !told:
			report := o.tally.mark()
			for _, c := range clients {
				report.InFlight += c.inFlight()
			}
			if err := out.Encode(report); err != nil {
				log.Fatal(err)
			}
		case command == "rate" && o.openLoop && err == nil:
			keep(clients, -1)
			rates <- value
		case command == "calls" && o.openLoop && err == nil:
			rates <- 0
			keep(clients, int(value))
		default:
			log.Fatalf("load: %q is no command", lines.Text())
		}
	}
}

func keep(clients []client, calls int) {
	for _, c := range clients {
		c.keep(calls)
	}
}

// pace begins calls at fixed times, those that are due by now together. A call's latency counts from the time at which it was due: a late pacer or a full
// socket shows in the figures.
func pace(clients []client, rate float64, rates <-chan float64) {
	due := make([][]time.Time, len(clients))
	timer := time.NewTimer(0)
	for next := 0; ; {
		begun, calls := time.Now(), 0
		at := func() time.Time { return begun.Add(time.Duration(float64(calls) / rate * float64(time.Second))) }
		for changed := false; !changed; {
			timer.Stop()
			if rate > 0 {
				timer.Reset(time.Until(at()))
			}
			select {
			case rate = <-rates:
				changed = true
			case now := <-timer.C:
				for ; !at().After(now); calls++ {
					due[next] = append(due[next], at())
					next = (next + 1) % len(clients)
				}
				for i := range due {
					if len(due[i]) > 0 {
						clients[i].begin(due[i])
						due[i] = due[i][:0]
					}
				}
			}
		}
	}
}

// timeoutCount makes every timeout of a run another one.
var timeoutCount atomic.Int64

// nextTimeout is a grpc-timeout of 20 s and a bit, in microseconds as grpc-go sends it: eight digits, different for ten million calls.
func nextTimeout() string { return fmt.Sprintf("%du", 20_000_000+timeoutCount.Add(1)%10_000_000) }
