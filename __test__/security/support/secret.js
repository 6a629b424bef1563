// A password that can be found again in whatever shape it comes out: as it is, encoded for a URL, base64 (a login of
// SASL), hexadecimal, or as the list of bytes that Rust prints.

/** The part that is looked for; no encoding for URLs changes it. */
const MARK = 'Zq7Wm4Kx9TbQ2vN'

/** With every sign that means something in a URL, a connection string or JSON. */
export const PASSWORD = `${MARK}/@:?#%&+='"\\ ä`

/** Where base64 groups the bytes depends on what stands before them; these signs do not depend on their neighbours. */
function base64At(offset) {
  const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(MARK)]).toString('base64')
  return text.slice(offset === 0 ? 0 : 4, Math.floor(((offset + MARK.length) * 8) / 6))
}

const bytes = [...Buffer.from(MARK)]
const SHAPES = {
  'as it is': MARK,
  'base64, first alignment': base64At(0),
  'base64, second alignment': base64At(1),
  'base64, third alignment': base64At(2),
  hexadecimal: Buffer.from(MARK).toString('hex'),
  'a list of bytes': bytes.join(', '),
  'a list of hexadecimal bytes': bytes.map((byte) => `0x${byte.toString(16)}`).join(', '),
}

/** The shapes in which a text shows the password. */
export function shapesIn(text) {
  const found = (shape) => text.includes(shape) || text.toLowerCase().includes(shape.toLowerCase())
  return Object.entries(SHAPES)
    .filter(([, shape]) => found(shape))
    .map(([name]) => name)
}
