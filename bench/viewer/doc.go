// Command viewer measures the page in a browser: how soon it shows a line, how
// smooth it scrolls, what it holds, how fast it searches, and whether it keeps
// up with a job that writes much.
//
//	go run ./bench/viewer                  everything: 4 minutes
//	go run ./bench/viewer -parts million   of first, million, live
//	go run ./bench/viewer -check           and fail if a bar is missed
//
// # Method
//
// The server is what users run: cmd/caddy, with an SQLite database that has the
// rows, or that an application writes to with SQL. The browser is Chromium,
// without a window, driven by e2e/clients/viewer.mjs. Neither keeps to a core.
// A frame is the time between two callbacks of requestAnimationFrame. A task is
// what Chromium's trace calls RunTask on the main thread of the page: nothing is
// drawn or heard while one runs. The heap is that of the page: objects, and the
// buffers of typed arrays, which Chromium counts apart; what workers have is not
// in it.
//
//   - first: the page of a job of 100,000 lines is opened again and again, with
//     nothing in the browser's cache: from the begin of the navigation to the
//     first frame after the one that has a line.
//   - million: a job of a million lines. It is loaded; scrolled from end to end
//     and back, by setting the offset in each frame, and by gestures, as those of
//     touchpads; and searched, from a key to the last line that was looked at.
//     The heap is looked at five times a second all along.
//   - live: a reader follows a job that writes a thousand lines a second, 50 in
//     each transaction.
package main
