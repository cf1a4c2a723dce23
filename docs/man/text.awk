# text.awk: what protocol.awk and header.awk share: words as mdoc(7) text.

# A word that can stand anywhere: a backslash is none to roff, and an option's dashes can be copied.
function word(w) {
  gsub(/\\/, "\\e", w)
  if (w ~ /^-/) gsub(/-/, "\\-", w)
  sub(/\(\)/, "\\\\\\&()", w) # a function's name is text here
  return w
}

# How long it is once it is read as roff, where a byte beyond ASCII is a part of \[uXXXX].
function width(s) {
  gsub(/[\200-\377]/, "xxxx", s)
  return length(s)
}

# Text in lines of some 80 columns, a new line after each sentence.
function text(s, n, parts, i, w, line, out) {
  n = split(s, parts, /[ \t\n]+/)
  line = out = ""
  for (i = 1; i <= n; i++) {
    if (parts[i] == "") continue
    w = word(parts[i])
    if (line != "" && width(line) + 1 + width(w) > 78) { out = out line "\n"; line = "" }
    if (line == "" && w ~ /^[.']/) w = "\\&" w
    line = line (line == "" ? "" : " ") w
    if (w ~ /[.!?]$/ && i < n) { out = out line "\n"; line = "" }
  }
  return out (line == "" ? "" : line "\n")
}

# The same on a macro's line, where a word of its own may be no macro's name.
function macro_text(s) {
  gsub(/\\/, "\\e", s)
  gsub(/"/, "\\(dq", s)
  return "\"" s "\""
}
