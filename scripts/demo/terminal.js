// What the output can show: colours and a moving bar on a terminal, plain lines everywhere else.

const { env, stdout } = process
const isSet = (value) => value !== undefined && value !== '' && value !== '0' && value !== 'false'

/** Whether a line can be written over. */
export const moving = stdout.isTTY === true && !isSet(env.CI) && env.TERM !== 'dumb'
const colours = moving && !env.NO_COLOR

const paintWith = (code) => (text) => (colours ? `\x1b[${code}m${text}\x1b[0m` : text)

export const green = paintWith(32)
export const red = paintWith(31)
export const dim = paintWith(2)
export const bold = paintWith(1)
