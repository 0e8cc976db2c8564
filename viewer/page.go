package viewer

import (
	"bytes"
	"compress/gzip"
	"html"
	"path"
	"strconv"
	"strings"
	"sync"
)

// Dir is where a page has its files: a directory beside it.
const Dir = "_viewer/"

const page, index = "page.html", "index.html"

// Hashed is the name under which a file may be kept for ever: with a part of its
// hash before the ending.
func (f *File) Hashed(name string) string {
	ending := path.Ext(name)
	return strings.TrimSuffix(name, ending) + "." + f.Hash + ending
}

// shell is the page of paths that end with the job's id, but for where its log
// is, and the policy that it is served with: nothing but its own scripts, by
// their hashes, and streams of origins.
var shell = sync.OnceValues(func() (f *File, policy string) {
	text, script, style := inlined(page)
	log := Files()["job-log.js"]
	text = strings.Replace(text, `src="job-log.js"`, `src="`+Dir+log.Hashed("job-log.js")+`" integrity="`+log.Integrity+`"`, 1)
	return compressed(".html", []byte(text)), policyOf("'"+log.Integrity+"' "+script, style, "job-log; worker-src 'self'")
})

// shells are the pages of other paths, by how many segments follow the id.
var shells sync.Map

// place is the page of paths in which that many segments follow the id.
func place(after int) *File {
	f, _ := shell()
	if after == 0 {
		return f
	}
	if f, ok := shells.Load(after); ok {
		return f.(*File)
	}
	made, _ := shells.LoadOrStore(after, compressed(".html", told(f.Plain, "after", strconv.Itoa(after))))
	return made.(*File)
}

// told is a page that is told something.
func told(page []byte, name, value string) []byte {
	meta := `<meta name="job-log-` + name + `" content="` + html.EscapeString(value) + `">` + "\n<title>"
	return bytes.Replace(page, []byte("<title>"), []byte(meta), 1)
}

// Index is the page of recent jobs, and its Content-Security-Policy. It asks for
// them at recent.json in its Dir.
var Index = sync.OnceValues(func() (f *File, policy string) {
	t, script, style := inlined(index)
	return compressed(".html", []byte(t)), policyOf(script, style, "'none'")
})

// inlined is a page with its own script and style in it, of which there are the
// sources for a policy.
func inlined(name string) (text, script, style string) {
	name = strings.TrimSuffix(name, ".html")
	files := Files()
	js, css := files[name+".js"], files[name+".css"]
	text = strings.NewReplacer(
		`<link rel="stylesheet" href="`+name+`.css">`, "<style>"+string(css.Plain)+"</style>",
		`<script type="module" src="`+name+`.js"></script>`, `<script type="module">`+string(js.Plain)+`</script>`,
		`href="icon.svg"`, `href="`+Dir+files["icon.svg"].Hashed("icon.svg")+`"`,
	).Replace(string(read(name + ".html")))
	return text, "'" + js.Integrity + "'", "'" + css.Integrity + "'"
}

// policyOf is a Content-Security-Policy that ends with whom a page may connect to.
func policyOf(scripts, styles, types string) string {
	return "default-src 'none'; script-src " + scripts + "; style-src " + styles + "; " +
		"img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; " +
		"require-trusted-types-for 'script'; trusted-types " + types + "; connect-src 'self'"
}

// Page is the page, and its Content-Security-Policy. after is how many segments
// of its path follow the job's id. source is where the log is; empty if it is at
// the page's address with /logs after it. origin is that of the source; empty if
// it is the page's. A page with a source is made for the request, and is not
// compressed: that would take longer than to send it.
func Page(after int, source, origin string) (f *File, policy string) {
	_, policy = shell()
	f = place(after)
	if source != "" {
		f = newFile(".html", linked(told(f.Plain, "src", source), source))
	}
	return f, strings.TrimSpace(policy + " " + origin)
}

// beside tells readers without scripts where a log is.
const beside = "The log as text is at the same address with <code>/logs?format=text</code> after it."

// linked is a page that has a link to its log instead.
func linked(page []byte, source string) []byte {
	query := "?format=text"
	if strings.Contains(source, "?") {
		query = "&format=text"
	}
	link := `There is <a href="` + html.EscapeString(source+query) + `">the log as text</a>.`
	return bytes.Replace(page, []byte(beside), []byte(link), 1)
}

// compressed is a file that is made once, for many requests.
func compressed(ending string, b []byte) *File {
	f := newFile(ending, b)
	f.Gzip = compress(b)
	return f
}

// compress makes bytes fewer. Memory does not fail to be written to.
func compress(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression) // a level that exists
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}
