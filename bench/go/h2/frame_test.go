package h2

import (
	"bytes"
	"testing"
	"testing/iotest"
)

// Frames come out as they went in, however the connection cuts them.
func TestReader(t *testing.T) {
	var wire []byte
	var lengths []int
	for i := range 200 {
		payload := bytes.Repeat([]byte{byte(i)}, (i*733)%(DefaultMaxFrame+1))
		lengths = append(lengths, len(payload))
		wire = AppendFrame(wire, Data, EndStream, uint32(2*i+1), payload)
	}
	for name, reader := range map[string]*Reader{
		"whole":        NewReader(bytes.NewReader(wire)),
		"in halves":    NewReader(iotest.HalfReader(bytes.NewReader(wire))),
		"byte by byte": NewReader(iotest.OneByteReader(bytes.NewReader(wire))),
	} {
		seen := 0
		for err := error(nil); err == nil; {
			err = reader.Fill()
			for frame, ok := reader.Next(); ok; frame, ok = reader.Next() {
				same := frame.Type == Data && frame.Has(EndStream) && frame.Stream == uint32(2*seen+1) && len(frame.Payload) == lengths[seen]
				if !same || (len(frame.Payload) > 0 && frame.Payload[len(frame.Payload)-1] != byte(seen)) {
					t.Fatalf("%s: frame %d is %d bytes of stream %d", name, seen, len(frame.Payload), frame.Stream)
				}
				seen++
			}
		}
		if seen != len(lengths) {
			t.Errorf("%s: %d frames of %d", name, seen, len(lengths))
		}
	}
}
