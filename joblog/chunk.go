package joblog

// ChunkRoom is how many bytes a buffer needs before its content for Chunk.
const ChunkRoom = 8

// Chunk makes what follows the first ChunkRoom bytes of b one chunk of an
// HTTP/1.1 response. The content stays where it is, so nothing is copied; it
// must not be empty, nor have 16 MiB or more.
func Chunk(b []byte) []byte {
	const digits = "0123456789abcdef"
	b[ChunkRoom-2], b[ChunkRoom-1] = '\r', '\n'
	start := ChunkRoom - 2
	for n := len(b) - ChunkRoom; n > 0; n >>= 4 {
		start--
		b[start] = digits[n&15]
	}
	return append(b, '\r', '\n')[start:]
}
