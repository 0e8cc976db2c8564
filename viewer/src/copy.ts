// Text for other programs.

export async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return byHand(text) // no permission, or no secure context
  }
}

function byHand(text: string): boolean {
  const area = document.createElement('textarea'), before = focused(document)
  area.value = text
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  const done = document.execCommand('copy')
  area.remove()
  before?.focus({ preventScroll: true })
  return done
}

function focused({ activeElement: e }: DocumentOrShadowRoot): HTMLElement | null {
  return (e?.shadowRoot && focused(e.shadowRoot)) || (e as HTMLElement | null)
}
