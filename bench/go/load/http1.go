package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync/atomic"
	"time"
)

// http1Client is one HTTP/1.1 connection with one POST at a time on it.
type http1Client struct {
	*options
	conn    net.Conn
	in      *bufio.Reader
	request []byte
	body    []byte
	busy    atomic.Int32
}

func newHTTP1Client(conn net.Conn, o *options) *http1Client {
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", o.path, o.target, len(o.body))
	for _, header := range o.headers {
		head += header + "\r\n"
	}
	head += "\r\n"
	return &http1Client{options: o, conn: conn, in: bufio.NewReaderSize(conn, 64<<10), request: append([]byte(head), o.body...)}
}

func (k *http1Client) run() {
	for {
		began := time.Now()
		k.busy.Store(1)
		_, err := k.conn.Write(k.request)
		status := 0
		if err == nil {
			status, err = k.readAnswer()
		}
		k.busy.Store(0)
		switch {
		case err != nil:
			k.tally.fail("connection: "+err.Error(), 1)
			return
		case status != 200:
			k.tally.fail(fmt.Sprintf("HTTP %d %.200s", status, k.body), 1)
		case !bytes.Equal(k.body, k.want):
			k.tally.fail("another body than expected", 1)
		default:
			k.tally.succeed(time.Since(began))
		}
		if k.once {
			return
		}
	}
}

func (k *http1Client) begin([]time.Time) { panic("no open loop over HTTP/1.1") }
func (k *http1Client) keep(int)          { panic("no open loop over HTTP/1.1") }
func (k *http1Client) inFlight() int     { return int(k.busy.Load()) }

// readAnswer reads one response (RFC 9112 section 6) into k.body.
func (k *http1Client) readAnswer() (status int, err error) {
	line, err := k.line()
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, err
	}
	length, chunked := -1, false
	for {
		if line, err = k.line(); err != nil {
			return 0, err
		}
		if len(line) == 0 {
			break
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch {
		case bytes.EqualFold(name, []byte("content-length")):
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		case bytes.EqualFold(name, []byte("transfer-encoding")):
			chunked = true
		}
	}
	k.body = k.body[:0]
	if chunked {
		return status, k.readChunks()
	}
	if length < 0 {
		return 0, fmt.Errorf("an answer that ends with its connection")
	}
	return status, k.readBody(length)
}

func (k *http1Client) readChunks() error {
	for {
		line, err := k.line()
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(line), 16, 32)
		if err != nil {
			return err
		}
		if err = k.readBody(int(size)); err != nil {
			return err
		}
		if _, err = k.line(); err != nil || size == 0 {
			return err
		}
	}
}

func (k *http1Client) readBody(n int) error {
	at := len(k.body)
	k.body = append(k.body, make([]byte, n)...)
	_, err := io.ReadFull(k.in, k.body[at:])
	return err
}

func (k *http1Client) line() ([]byte, error) {
	line, err := k.in.ReadSlice('\n')
	return bytes.TrimRight(line, "\r\n"), err
}
