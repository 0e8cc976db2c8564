// node.mjs <stream> [keep]: follows the stream with the npm package eventsource
// and prints, one JSON object a line, each message's data, the status of each
// response, and that the stream is closed. With keep it does not close the
// stream itself when the job is complete.
import { EventSource } from 'eventsource'

const [url, keep] = process.argv.slice(2)
const print = (record) => console.log(JSON.stringify(record))

const es = new EventSource(url, {
  fetch: async (...request) => {
    const response = await fetch(...request)
    print({ response: response.status })
    return response
  },
})
es.onmessage = (event) => {
  const data = JSON.parse(event.data)
  print(data)
  if (data.type === 'complete' && !keep) {
    es.close()
    print({ closed: true })
  }
}
es.onerror = () => es.readyState === es.CLOSED && print({ closed: true })
