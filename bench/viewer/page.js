// What the page is measured with. It runs before the page's own scripts.
globalThis.bench = (() => {
  const root = () => document.querySelector('job-log')?.shadowRoot
  const frame = () => new Promise((done) => requestAnimationFrame(done))
  const nap = () => new Promise((done) => setTimeout(done, 50))

  // A line is drawn in a frame, and on the screen when the next one begins.
  const painted = (async () => {
    await customElements.whenDefined('job-log')
    while (!root()) await frame() // the element comes to life with its definition
    await new Promise((done) => {
      new MutationObserver(() => root().querySelector('.row') && done()).observe(root(), { childList: true, subtree: true })
    })
    await frame()
    return performance.now()
  })()

  // Collects how long frames take, until its end.
  function frames() {
    const all = []
    let on = true
    void (async () => {
      for (let before = await frame(); on;) {
        const now = await frame()
        all.push(now - before)
        before = now
      }
    })()
    return () => {
      on = false
      return all
    }
  }

  // Scrolls from one end to the other, and returns what its frames took.
  async function sweep(steps, up) {
    const port = root().querySelector('.port'), end = frames()
    for (let i = 0; i <= steps; i++) {
      const most = port.scrollHeight - port.clientHeight
      port.scrollTop = most * (up ? 1 - i / steps : i / steps)
      await frame()
    }
    return end()
  }

  // Searches as readers do, and returns how long it takes: to the first number
  // of matches, and to the last.
  async function search(text, pattern) {
    const $ = (s) => root().querySelector(s), hits = $('.hits'), toggle = $('[aria-label*="Regular expression"]')
    const input = (value) => {
      $('input').value = value
      $('input').dispatchEvent(new Event('input'))
    }
    input('')
    while (hits.textContent !== '') await nap()
    if ((toggle.getAttribute('aria-pressed') === 'true') !== pattern) toggle.click()
    const begun = performance.now()
    let first = 0
    return new Promise((done) => {
      const watch = new MutationObserver(() => {
        if (hits.textContent === '') return
        if (!first && /[1-9]/.test(hits.textContent)) first = performance.now() - begun
        if (hits.textContent.endsWith('…')) return
        watch.disconnect()
        done({ first, all: performance.now() - begun, hits: hits.textContent })
      })
      watch.observe(hits, { childList: true, characterData: true, subtree: true })
      input(text)
    })
  }

  return { painted, frames, sweep, search }
})()
