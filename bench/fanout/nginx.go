package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// nginxConfig has one worker. Events are published at the feed's address.
const nginxConfig = `daemon off;
{user}
worker_processes 1;
worker_rlimit_nofile 20000;
pid {dir}/pid;
error_log stderr warn;
load_module modules/ngx_nchan_module.so;
events {
	worker_connections 19000;
}
http {
	access_log off;
	tcp_nodelay on;
	keepalive_requests 1000000000;
	keepalive_timeout 1h;
	client_header_timeout 1h;
	client_body_temp_path {dir}/body;
	proxy_temp_path {dir}/proxy;
	fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi;
	scgi_temp_path {dir}/scgi;
	nchan_shared_memory_size 512M;
	nchan_message_buffer_length 20000;
	nchan_message_timeout 60s;
	server {
		listen {feed};
		location ~ ^/publish/(.+)$ {
			nchan_publisher;
			nchan_channel_id $1;
		}
	}
	server {
		listen {http} backlog=4096 {tls};
		{certificate}
		location ~ ^/jobs/(.+)/logs$ {
			nchan_subscriber eventsource;
			nchan_channel_id $1;
			nchan_subscriber_first_message newest;
			nchan_eventsource_ping_interval {heartbeat};
			nchan_eventsource_ping_comment " ";
			nchan_eventsource_ping_event "";
			nchan_eventsource_ping_data "";
		}
	}
}
`

// nginx runs nginx with nchan.
func nginx(s *site) ([]string, error) {
	user, encrypted, certificate := "", "", ""
	if os.Geteuid() == 0 {
		user = "user root;" // the site's directory is not for others
	}
	if s.cert != "" {
		encrypted = "ssl http2"
		certificate = fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s; ssl_protocols TLSv1.3;", s.cert, s.key)
	}
	text := strings.NewReplacer(
		"{user}", user, "{dir}", s.dir, "{feed}", s.feed.String(), "{http}", s.http.String(), "{tls}", encrypted,
		"{certificate}", certificate, "{heartbeat}", fmt.Sprint(int(s.heartbeat.Seconds())),
	).Replace(nginxConfig)
	file := filepath.Join(s.dir, "nginx.conf")
	return []string{s.program, "-c", file}, os.WriteFile(file, []byte(text), 0o600)
}
