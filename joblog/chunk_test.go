package joblog

import (
	"bytes"
	"io"
	"net/http/httputil"
	"testing"
)

// TestChunk reads chunks back with a parser of HTTP's.
func TestChunk(t *testing.T) {
	for _, n := range []int{1, 15, 16, 255, 256, 4096, 65535, 65536, 1 << 20, mostChunk, mostChunk + 1, 16 << 20, 40_000_000} {
		content := bytes.Repeat([]byte{'x'}, n)
		chunked := append(Chunk(append(make([]byte, ChunkRoom), content...)), "0\r\n\r\n"...)
		if got, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(chunked))); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%d bytes became %d, %v", n, len(got), err)
		}
	}
}
