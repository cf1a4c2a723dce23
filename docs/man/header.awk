# header.awk: a public header as the page councilws_NAME(3): the comment at its head, then each declaration under what is said about it.

function code_line(s) {
  gsub(/CWS_API /, "", s)
  gsub(/\\/, "\\e", s)
  if (s ~ /^[.']/) s = "\\&" s
  return s
}

function no_comment(s) {
  sub(/^[ \t]*\/\*[ \t]?/, "", s)
  sub(/^[ \t]*\*+\/?[ \t]?/, "", s)
  sub(/[ \t]*\*\/[ \t]*$/, "", s)
  return s
}

# One block between blank lines: a comment, then code.
function block(i, said, code, in_comment, line) {
  said = code = ""
  in_comment = 0
  for (i = 1; i <= n; i++) {
    line = lines[i]
    if (code == "" && (in_comment || line ~ /^\/\*/)) {
      in_comment = line !~ /\*\/[ \t]*$/
      if (line ~ /^ \*$/) { said = said "\001"; continue }
      said = said " " no_comment(line)
      continue
    }
    if (line ~ /^#(ifndef|ifdef|else|endif|include|if )/ || line ~ /^#define COUNCILWS_/ || line ~ /^extern "C"/ || line ~ /^}$/) continue
    code = code code_line(line) "\n"
  }
  n = 0
  if (said ~ /^ ?---- .* ----/) {
    gsub(/----/, "", said)
    gsub(/^[ ]+|[ ]+$/, "", said)
    print ".Ss " said
    return
  }
  if (said != "") paragraphs(said)
  if (code != "") printf ".Bd -literal -offset 2n\n%s.Ed\n.Pp\n", code
}

function paragraphs(said, p, parts, i) {
  p = split(said, parts, "\001")
  for (i = 1; i <= p; i++) {
    if (i > 1) print ".Pp"
    printf "%s", text(parts[i])
  }
}

/^$/ { block(); next }
{ lines[++n] = $0 }
END { block() }
