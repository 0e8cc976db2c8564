package testdb

// Run starts a server for a command that is no test. Close stops it.
func Run(version string, settings ...string) (*Server, error) { return create(version, settings...) }

// Close stops a server that Run started, and removes its data.
func (s *Server) Close() { s.remove() }

// New makes an empty database, which goes with the server, and returns its DSN.
func (s *Server) New(name string) (dsn string, err error) {
	return s.dsn(name), s.exec("CREATE DATABASE " + name)
}
