package main

import (
	"bytes"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestIsStable(t *testing.T) {
	for _, tc := range []struct {
		name  string
		block []byte
		want  bool
	}{
		{"indexed fields leave the table alone", []byte{0x88, 0xbe}, true},
		{"so does an index of several bytes", []byte{0xff, 0x80, 0x01}, true},
		{"and a literal that is not indexed, by name or by index", append([]byte{0x00, 1, 'a', 1, 'b', 0x0f, 0x10, 1}, 'x'), true},
		{"and one that never is", []byte{0x10, 1, 'a', 1, 'b'}, true},
		{"a literal that is indexed does not", []byte{0x40, 1, 'a', 1, 'b'}, false},
		{"nor one after others", []byte{0x88, 0x5f, 1, 'b'}, false},
		{"nor a new size of the table", []byte{0x20}, false},
		{"a block that is cut is not relied on", []byte{0x00, 1, 'a', 5, 'b'}, false},
		{"nor one that ends in an integer", []byte{0xff}, false},
	} {
		if got := isStable(tc.block); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// The same bytes mean another field after the table changed.
func TestBlockReaderForgets(t *testing.T) {
	var encoded bytes.Buffer
	encoder := hpack.NewEncoder(&encoded)
	block := func(status string) []byte {
		encoded.Reset()
		if err := encoder.WriteField(hpack.HeaderField{Name: "grpc-status", Value: status}); err != nil {
			t.Fatal(err)
		}
		return bytes.Clone(encoded.Bytes())
	}
	reader := newBlockReader()
	for _, status := range []string{"0", "0", "0", "13", "13", "0", "13"} {
		got, err := reader.read(block(status))
		if err != nil || got.grpcStatus != status {
			t.Fatalf("grpc-status %s was read as %q (%v)", status, got.grpcStatus, err)
		}
	}
}
