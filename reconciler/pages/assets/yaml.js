// JSON values as lines of YAML, and the aligned difference of two texts.

// Text that needs no quotation marks in YAML 1.1 and 1.2.
const PLAIN = /^(?!(?:y|n|yes|no|on|off|true|false|null)$)[a-z][\w/-]*(?:\.[\w/-]+)*$/i;
// More lines than this are compared by position, because the comparison takes quadratic time.
const MAX_COMPARED_LINES = 1500;

const scalar = (value) => (typeof value === "string" && PLAIN.test(value) ? value : JSON.stringify(value));
const fitsOnLine = (value) => typeof value !== "object" || value === null || Object.keys(value).length === 0;

export function yamlLines(value, indent = "") {
  if (fitsOnLine(value)) return [indent + scalar(value)];
  if (Array.isArray(value)) {
    return value.flatMap((item) => {
      const [first, ...rest] = yamlLines(item, `${indent}  `);
      return [`${indent}- ${first.trimStart()}`, ...rest];
    });
  }
  return Object.keys(value).sort().flatMap((name) => {
    const member = value[name];
    if (fitsOnLine(member)) return [`${indent}${scalar(name)}: ${scalar(member)}`];
    return [`${indent}${scalar(name)}:`, ...yamlLines(member, `${indent}  `)];
  });
}

// Returns rows [left, right], in which equal lines are in one row and a missing line is null.
export function alignLines(left, right) {
  let start = 0;
  while (start < left.length && start < right.length && left[start] === right[start]) start += 1;
  let end = 0;
  while (end < left.length - start && end < right.length - start && left.at(-1 - end) === right.at(-1 - end)) end += 1;
  const a = left.slice(start, left.length - end);
  const b = right.slice(start, right.length - end);
  const common = Math.max(a.length, b.length) > MAX_COMPARED_LINES ? [] : commonLines(a, b);
  const rows = left.slice(0, start).map((line) => [line, line]);
  let i = 0;
  let j = 0;
  for (const [nextI, nextJ] of [...common, [a.length, b.length]]) {
    for (; i < nextI || j < nextJ; i += i < nextI, j += j < nextJ) {
      rows.push([i < nextI ? a[i] : null, j < nextJ ? b[j] : null]);
    }
    if (nextI < a.length) rows.push([a[i++], b[j++]]);
  }
  return [...rows, ...left.slice(left.length - end).map((line) => [line, line])];
}

// Returns the pairs of indices of a longest common subsequence.
function commonLines(a, b) {
  const width = b.length + 1;
  const lengths = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i * width + j] = a[i] === b[j] ? lengths[(i + 1) * width + j + 1] + 1 : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1]);
    }
  }
  const pairs = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) pairs.push([i++, j++]);
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return pairs;
}
