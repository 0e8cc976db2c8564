// Elements without HTML: what is said here is attributes, listeners and text.

type Attributes = Record<string, string | boolean | ((e: any) => void)>

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, attributes: Attributes = {}, ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value)
    else if (value !== false) element.setAttribute(name, value === true ? '' : value)
  }
  element.append(...children)
  return element
}

/** Sets a text, if it is another one: nothing is read anew, and selections stay. */
export function write(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** An icon of strokes in a box of 16. */
export function icon(path: string): SVGSVGElement {
  const ns = 'http://www.w3.org/2000/svg'
  const svg = document.createElementNS(ns, 'svg')
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  const p = document.createElementNS(ns, 'path')
  p.setAttribute('d', path)
  svg.append(p)
  return svg
}

/** A button that is an icon. Its label may end with its key, in parentheses. */
export function button(label: string, path: string, click: () => void): HTMLButtonElement {
  return h('button', { class: 'icon', title: label, 'aria-label': label.replace(/ \(.*/, ''), onclick: click }, icon(path))
}
