package joblog

import "slices"

const (
	// ChunkRoom is how many bytes a buffer needs before its content for Chunk: the
	// length of a chunk, of up to mostChunk, and a line's end.
	ChunkRoom = 8
	// mostChunk is how many bytes one chunk has at most.
	mostChunk = 4 << 20
)

// Chunk makes what follows the first ChunkRoom bytes of b, which must not be
// empty, a part of an HTTP/1.1 response: mostly one chunk, whose content stays
// where it is, so that nothing is copied; what is too long for one is copied into
// as many as it takes.
func Chunk(b []byte) []byte {
	content := b[ChunkRoom:]
	if len(content) <= mostChunk {
		start := putLength(b[:ChunkRoom], len(content))
		return append(b, '\r', '\n')[start:]
	}
	const around = ChunkRoom + len("\r\n")
	all := make([]byte, 0, len(content)+(len(content)/mostChunk+1)*around)
	for part := range slices.Chunk(content, mostChunk) {
		var head [ChunkRoom]byte
		start := putLength(head[:], len(part))
		all = append(append(all, head[start:]...), part...)
		all = append(all, '\r', '\n')
	}
	return all
}

// putLength writes a chunk's length and a line's end to the end of head, and
// returns where it begins.
func putLength(head []byte, n int) (start int) {
	const digits = "0123456789abcdef"
	start = len(head) - 2
	head[start], head[start+1] = '\r', '\n'
	for ; n > 0; n >>= 4 {
		start--
		head[start] = digits[n&15]
	}
	return start
}
