# protocol.awk: docs/protocol.md as the body of councilws-protocol(7): headings, paragraphs, lists and tables.

# Marks of emphasis and code are left out: what they mark says enough.
function plain(s) {
  gsub(/`/, "", s)
  gsub(/\*\*/, "", s)
  gsub(/\\\|/, "|", s)
  return s
}

function heading(s) { # ERRORS is a section of other manuals
  return s == "ERRORS" ? "ANSWERS OF FAILURE" : s
}

function flush() {
  if (held != "") printf "%s", text(plain(held))
  held = ""
}

# What is open ends: a list, a table.
function close_list() {
  flush()
  if (kind != "") print ".El"
  kind = ""
}

function open_list(k, type) {
  if (kind == k) { flush(); return }
  close_list()
  print ".Bl " type
  kind = k
}

function strip(s) {
  gsub(/^[ \t]+|[ \t]+$/, "", s)
  return s
}

# A row: its first cell is what is explained, the others explain it. Where a cell of the head is empty two tables stand side by side.
function row(line, cells, n, i, j, rest) {
  gsub(/\\\|/, "\001", line)
  n = split(line, cells, "|")
  for (i = 2; i < n; i = j + 1) {
    rest = ""
    for (j = i + 1; j < n && !(j in gap); j++)
      if (strip(cells[j]) != "" && strip(cells[j]) != "–") rest = rest (rest == "" ? "" : ". ") strip(cells[j])
    gsub(/\001/, "|", rest)
    gsub(/\001/, "|", cells[i])
    if (strip(cells[i]) == "") continue
    print ".It " macro_text(plain(strip(cells[i])))
    printf "%s", text(plain(rest))
  }
}

/^# / { next }
/^## / { close_list(); has_text = 0; print ".Sh " heading(toupper(plain(substr($0, 4)))); next }
/^### / { close_list(); has_text = 0; print ".Ss " plain(substr($0, 5)); next }
/^\|[-|]*$/ { next }
/^\|/ && kind != "table" { # the head, of which only the gaps count
  open_list("table", "-tag -width Ds")
  split("", gap)
  n = split($0, head, "|")
  for (i = 3; i < n - 1; i++)
    if (strip(head[i]) == "") gap[i] = 1
  next
}
/^\|/ { row($0); next }
/^- / { open_list("list", "-bullet"); print ".It"; held = substr($0, 3); next }
/^$/ { was_list = kind != ""; close_list(); is_new = !was_list; next }
{
  if (kind == "table") close_list()
  if (held == "" && kind == "" && is_new && has_text) print ".Pp"
  held = held " " $0
  is_new = 0
  has_text = 1
}
END { close_list() }
