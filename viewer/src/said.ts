// What a server says besides its status: a sentence, as no page is one.

export async function said(response: Response): Promise<string> {
  if (/^text\/plain\b/i.test(response.headers.get('Content-Type') ?? '')) return (await response.text()).trim().slice(0, 500)
  await response.body?.cancel()
  return ''
}
