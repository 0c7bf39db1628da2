/** Breaks text between words; continuation lines are indented. A word that is longer than a line is cut. */
export function wrap(text: string, width: number, indent = 2): readonly string[] {
  const lines: string[] = []
  let line = ''
  const room = () => width - (lines.length === 0 ? 0 : indent)
  const flush = () => {
    lines.push((lines.length === 0 ? '' : ' '.repeat(indent)) + line)
    line = ''
  }
  for (let word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > room()) flush()
    while (word.length > room()) {
      const take = Math.max(1, room())
      line = word.slice(0, take)
      word = word.slice(take)
      flush()
    }
    line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '' || lines.length === 0) flush()
  return lines
}
