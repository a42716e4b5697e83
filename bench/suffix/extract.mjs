// Documentation files to plain text, and text to records. By fixed rules: the same bytes give the
// same records.
import { gunzipSync } from "node:zlib";

const entities = {
  amp: "&", lt: "<", gt: ">", quot: '"', apos: "'", nbsp: " ", copy: "©", reg: "®", mdash: "—", ndash: "–",
  hellip: "…", lsquo: "‘", rsquo: "’", ldquo: "“", rdquo: "”", laquo: "«", raquo: "»", times: "×", para: "¶",
  middot: "·", bull: "•", rarr: "→", larr: "←", sect: "§", deg: "°", eacute: "é", egrave: "è", agrave: "à",
  auml: "ä", ouml: "ö", uuml: "ü", szlig: "ß", ntilde: "ñ", oslash: "ø", aring: "å", trade: "™", zwsp: "",
  minus: "−", le: "≤", ge: "≥", ne: "≠", thinsp: " ", ensp: " ", emsp: " ", shy: "", sol: "/", lbrace: "{", rbrace: "}",
};

function unescape(text) {
  return text.replace(/&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]\w{1,9}));/gi, (all, hex, decimal, name) => {
    if (name !== undefined) return Object.hasOwn(entities, name) ? entities[name] : all;
    const code = hex !== undefined ? parseInt(hex, 16) : Number(decimal);
    return code > 0 && code < 0x110000 && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : all;
  });
}

// What a page says, without its frame: script, navigation, side bars, footers.
export function html(page) {
  const inner = page.search(/<main\b|<article\b|<div[^>]*(?:role="main"|class="body")/i);
  const start = inner >= 0 ? inner : page.search(/<body\b/i);
  if (start > 0) page = page.slice(start);
  const end = page.search(/<\/main>|<\/body>|<div[^>]*class="(?:sphinxsidebar|related|footer)|<footer\b|<div[^>]*id="footer/i);
  if (end > 0) page = page.slice(0, end);
  page = page.replace(/<!--[^]*?-->/g, "")
    .replace(/<(script|style|nav|svg|noscript|template|button|select|form|math)\b[^]*?<\/\1\s*>/gi, " ");
  let out = "";
  for (const [i, piece] of page.split(/<pre\b[^>]*>([^]*?)<\/pre\s*>/i).entries()) {
    if (i % 2 === 1) {
      out += "\n\n" + piece.replace(/<[^>]*>/g, "") + "\n\n";
      continue;
    }
    out += piece.replace(/\s+/g, " ")
      .replace(/<(?:br|tr|li|dt|dd)\b[^>]*>/gi, "\n")
      .replace(/<\/?(?:p|div|h[1-6]|section|ul|ol|dl|table|blockquote|hr|article|main|details|summary)\b[^>]*>/gi, "\n\n")
      .replace(/<\/?(?:td|th)\b[^>]*>/gi, " ")
      .replace(/<[^>]*>/g, "");
  }
  return unescape(out);
}

export function pod(text) {
  text = text.replace(/^=(?:encoding|over|back|cut|begin|end|for|pod)\b.*$/gm, "")
    .replace(/^=(?:head\d|item) ?/gm, "");
  for (let depth = 0; depth < 4; ++depth) {
    text = text.replace(/\b[BCFILSXZE]<<+ ([^]*?) >>+/g, "$1").replace(/\b[BCFILSXZE]<([^<>]*)>/g, "$1");
  }
  return text;
}

export function roff(text) {
  return text.replace(/^[.']\\".*$/gm, "")
    .replace(/^\.(?:TH|SH|SS|PP|P|LP|TP|IP|HP)\b ?/gm, "\n")
    .replace(/^\.(?:BR|RB|BI|IB|IR|RI|B|I|SM|SB|UR|MT) /gm, "")
    .replace(/^\..*$/gm, "")
    .replace(/\\f(?:\[[^\]]*\]|\(..|.)/g, "").replace(/\\-/g, "-").replace(/\\\(aq|\\\[aq\]/g, "'")
    .replace(/\\(?:\((..)|\[[^\]]*\]|[&|^ :%/,])/g, "").replace(/\\e/g, "\\");
}

// The entries of a dictionary, in the order of the file, apart by a form feed; without the
// paragraphs that only name their source.
export function dictd(index, dict) {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const number = (text) => [...text].reduce((sum, c) => sum * 64 + digits.indexOf(c), 0);
  const bytes = gunzipSync(dict);
  const places = new Map();
  for (const line of index.split("\n")) {
    const [word, offset, size] = line.split("\t");
    if (size !== undefined && !word.startsWith("00-") && !word.startsWith("00database")) {
      places.set(number(offset), number(size));
    }
  }
  return [...places].sort((a, b) => a[0] - b[0])
    .map(([offset, size]) => bytes.subarray(offset, offset + size).toString("utf8")
      .replace(/^\s*\[(?:1913 Webster|PJC|WordNet[^\]]*|Webster[^\]]*)\+?(?: \+?PJC)?\]\s*$/gm, "")
      .replace(/[{}]/g, "").replace(/\n\s*\n/g, "\n"))
    .join("\n\n");
}

const words = (text) => text.match(/\S+/g)?.length ?? 0;

// Sections of about 250 words, of whole paragraphs; what is left at the end of a page joins the one before.
export function* records(text) {
  const target = 250, tail = 100, limit = 1500, bytes = 48 << 10;
  const rows = [];
  let row = "", size = 0;
  for (let paragraph of text.replace(/\r/g, "").split(/\n[ \t]*(?:\n[ \t]*)+/)) {
    paragraph = paragraph.replace(/[ \t]+$/gm, "").replace(/^\n+|\n+$/g, "");
    const count = words(paragraph);
    if (count === 0) continue;
    if (count > limit || paragraph.length > bytes / 3) {
      // A table or a listing without a blank line: by lines.
      let part = "", held = 0;
      for (const line of paragraph.split("\n")) {
        part += line.slice(0, 8000) + "\n";
        held += words(line);
        if (held >= target) {
          rows.push([part.trimEnd(), held]);
          part = "", held = 0;
        }
      }
      if (held > 0) rows.push([part.trimEnd(), held]);
      continue;
    }
    row += (row === "" ? "" : "\n\n") + paragraph;
    size += count;
    if (size >= target) {
      rows.push([row, size]);
      row = "", size = 0;
    }
  }
  if (size > 0) {
    const last = rows.at(-1);
    if (size < tail && last !== undefined && last[1] + size <= limit) {
      last[0] += "\n\n" + row;
    } else {
      rows.push([row, size]);
    }
  }
  for (const [record, count] of rows) {
    if (count >= 30 && Buffer.byteLength(record) <= bytes) yield record;
  }
}
