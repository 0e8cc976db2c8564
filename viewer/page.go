package viewer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"path"
	"strings"
	"sync"
)

// Dir is where a page has its files: a directory beside it.
const Dir = "_viewer/"

const page = "page.html"

// Hashed is the name under which a file may be kept for ever: with a part of its
// hash before the ending.
func (f *File) Hashed(name string) string {
	ending := path.Ext(name)
	return strings.TrimSuffix(name, ending) + "." + f.Hash + ending
}

// shell is the page but for where its log is, and the policy that it is served
// with: nothing but its own scripts, by their hashes, and streams of origins.
var shell = sync.OnceValues(func() (text, policy string) {
	files := Files()
	style, script := string(files["page.css"].Plain), string(files["page.js"].Plain)
	log, icon := files["job-log.js"], files["icon.svg"]
	text = strings.NewReplacer(
		`<link rel="stylesheet" href="page.css">`, "<style>"+style+"</style>",
		`<script type="module" src="page.js"></script>`, `<script type="module">`+script+`</script>`,
		`src="job-log.js"`, `src="`+Dir+log.Hashed("job-log.js")+`" integrity="`+log.Integrity+`"`,
		`href="icon.svg"`, `href="`+Dir+icon.Hashed("icon.svg")+`"`,
	).Replace(string(read(page)))
	policy = "default-src 'none'; script-src '" + log.Integrity + "' '" + integrity(script) + "'; style-src '" + integrity(style) + "'; " +
		"img-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
		"require-trusted-types-for 'script'; trusted-types job-log; connect-src 'self'"
	return text, policy
})

// Page is the page, and its Content-Security-Policy. source is where the log is;
// empty if it is at the page's address with /logs after it. origin is that of
// the source; empty if it is the page's.
func Page(source, origin string) (text []byte, policy string) {
	t, policy := shell()
	if source != "" {
		t = strings.Replace(t, "<title>", `<meta name="job-log-src" content="`+html.EscapeString(source)+`">`+"\n<title>", 1)
	}
	return []byte(t), strings.TrimSpace(policy + " " + origin)
}

func integrity(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// compress makes bytes fewer. Memory does not fail to be written to.
func compress(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // a level that exists
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}
