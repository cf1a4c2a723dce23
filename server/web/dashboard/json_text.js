// json_text: events whose numbers JavaScript cannot hold keep their text, so that what is shown is what was published. Pure.

const LONG_NUMBER = /\d{16}/; // 2^53 has 16 digits
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]:,]|[^\s{}[\]:,"]+/g;

/** For follow(): a message, with its text as `source` where some number may not have survived. */
export function parseMessage(text) {
  const message = JSON.parse(text);
  if (LONG_NUMBER.test(text)) message.source = text;
  return message;
}

/** The member `data` of a message's text over several lines, every digit as it came. */
export function prettySource(text) {
  const tokens = text.match(TOKENS);
  return layOut(valueOf(tokens, '"data"'));
}

// The tokens of a member of the outermost object; an empty object's where it has none.
function valueOf(tokens, name) {
  let depth = 0;
  let begin = -1;
  for (let i = 0; i < tokens.length; i++) {
    const t = tokens[i];
    if (begin >= 0 && depth === 1 && (t === "," || t === "}")) return tokens.slice(begin, i);
    if (t === "{" || t === "[") depth++;
    else if (t === "}" || t === "]") depth--;
    else if (begin < 0 && depth === 1 && t === name && tokens[i + 1] === ":") begin = i + 2;
  }
  return ["{", "}"];
}

function layOut(tokens) {
  let text = "";
  let indent = 0;
  const line = () => "\n" + "  ".repeat(indent);
  tokens.forEach((t, i) => {
    const isOpening = t === "{" || t === "[";
    const isClosing = t === "}" || t === "]";
    const isEmpty = isClosing && (tokens[i - 1] === "{" || tokens[i - 1] === "[");
    if (isClosing) indent--;
    if (isClosing && !isEmpty) text += line();
    text += t === ":" ? ": " : t;
    if (isOpening) indent++;
    const isFollowedByNothing = isOpening && (tokens[i + 1] === "}" || tokens[i + 1] === "]");
    if ((isOpening && !isFollowedByNothing) || t === ",") text += line();
  });
  return text;
}
