// Package viewer is the page that shows a job's log. What browsers get is in
// dist, which `make viewer` builds from src.
package viewer

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"mime"
	"path"
	"sync"
)

//go:embed dist
var dist embed.FS

// File is a file that browsers get.
type File struct {
	// Type is its media type.
	Type string
	// Plain and Gzip are its bytes; Gzip is nil if it is not to be had compressed.
	Plain, Gzip []byte
	// Hash is a part of its SHA-256, in hexadecimal digits.
	Hash string
	// Integrity is what a page says that it expects, such as sha256-….
	Integrity string
}

// Files are the files of dist by name, but for the pages.
var Files = sync.OnceValue(func() map[string]*File {
	entries, err := fs.ReadDir(dist, "dist")
	if err != nil {
		panic(err) // they are part of the program
	}
	files := map[string]*File{}
	for _, e := range entries {
		if e.Name() != page && e.Name() != index {
			files[e.Name()] = compressed(path.Ext(e.Name()), read(e.Name()))
		}
	}
	return files
})

func read(name string) []byte {
	b, err := dist.ReadFile("dist/" + name)
	if err != nil {
		panic(err) // likewise
	}
	return b
}

// newFile makes a file of bytes, whose type is that of names with the ending.
func newFile(ending string, b []byte) *File {
	sum := sha256.Sum256(b)
	return &File{
		Type: mime.TypeByExtension(ending), Plain: b, Hash: hex.EncodeToString(sum[:6]),
		Integrity: "sha256-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
}

// Find returns the file with a name, and whether the name lasts: the content
// under it never changes. It returns nil if there is none.
func Find(name string) (f *File, lasts bool) {
	files := Files()
	if f := files[name]; f != nil {
		return f, false
	}
	for plain, f := range files {
		if f.Hashed(plain) == name {
			return f, true
		}
	}
	return nil, false
}
