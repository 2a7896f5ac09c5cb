package main

import (
	"errors"

	"golang.org/x/net/http2/hpack"
)

// fields is what the load looks at of a header block.
type fields struct{ httpStatus, grpcStatus, grpcMessage string }

// blockReader decodes header blocks. A block that leaves the dynamic table alone means the same until another changes it, so those are remembered.
type blockReader struct {
	decoder *hpack.Decoder
	current fields
	known   map[string]fields
}

// More blocks than these in a row without a change of the table are not remembered.
const knownBlocksMax = 64

func newBlockReader() *blockReader {
	r := &blockReader{known: map[string]fields{}}
	r.decoder = hpack.NewDecoder(4096, func(h hpack.HeaderField) {
		switch h.Name {
		case ":status":
			r.current.httpStatus = h.Value
		case "grpc-status":
			r.current.grpcStatus = h.Value
		case "grpc-message":
			r.current.grpcMessage = h.Value
		}
	})
	return r
}

func (r *blockReader) read(block []byte) (fields, error) {
	if known, ok := r.known[string(block)]; ok {
		return known, nil
	}
	r.current = fields{}
	if _, err := r.decoder.Write(block); err != nil {
		return fields{}, err
	}
	if err := r.decoder.Close(); err != nil {
		return fields{}, err
	}
	switch {
	case !isStable(block):
		clear(r.known)
	case len(r.known) < knownBlocksMax:
		r.known[string(block)] = r.current
	}
	return r.current, nil
}

var errCut = errors.New("header block is cut short")

// isStable tells whether a block leaves the dynamic table as it is: no literal with incremental indexing, no change of size (RFC 7541 section 6).
func isStable(block []byte) bool {
	for len(block) > 0 {
		first := block[0]
		switch {
		case first&0x80 != 0: // indexed
			if _, err := skipInteger(&block, 7); err != nil {
				return false
			}
		case first&0xe0 != 0: // incremental indexing, or a new size
			return false
		default: // a literal that is not indexed
			name, err := skipInteger(&block, 4)
			if err == nil && name == 0 {
				err = skipString(&block)
			}
			if err == nil {
				err = skipString(&block)
			}
			if err != nil {
				return false
			}
		}
	}
	return true
}

// skipInteger takes an integer with a prefix of so many bits off the block (RFC 7541 section 5.1).
func skipInteger(block *[]byte, bits int) (int, error) {
	b := *block
	if len(b) == 0 {
		return 0, errCut
	}
	most := 1<<bits - 1
	value := int(b[0]) & most
	b = b[1:]
	if value == most {
		for shift := 0; ; shift += 7 {
			if len(b) == 0 || shift > 28 {
				return 0, errCut
			}
			value += int(b[0]&0x7f) << shift
			more := b[0]&0x80 != 0
			b = b[1:]
			if !more {
				break
			}
		}
	}
	*block = b
	return value, nil
}

// skipString takes a string off the block (RFC 7541 section 5.2).
func skipString(block *[]byte) error {
	n, err := skipInteger(block, 7)
	if err != nil || n > len(*block) {
		return errCut
	}
	*block = (*block)[n:]
	return nil
}
