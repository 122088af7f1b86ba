// What a picture is told by, undone: the same texts as in an asciicast, and nothing else of a terminal.
// A screen's cells are [text, look, width]; a look is "foreground,background,modifiers".
const decode = (() => {
  const start = (cols, rows) => ({ cols, rows, x: 0, y: 0, look: ["", "", ""], cells: Array(cols * rows).fill([" ", ",,", 1]) });
  const modes = { 1: "b", 2: "d", 3: "i", 4: "u", 5: "k", 7: "r", 9: "s" };
  const color = (code, rest) => {
    const kind = code % 10;
    if (code >= 90) return "" + (kind + 8);
    if (kind == 9) return "";
    if (kind < 8) return "" + kind;
    return rest.shift() == 5 ? "" + rest.shift() : rest.splice(0, 3).join(" ");
  };
  const style = (look, codes) => {
    for (let rest = codes.split(";").map(Number), code; rest.length; ) {
      code = rest.shift();
      if (!code) look = ["", "", ""];
      else if (modes[code]) look = [look[0], look[1], [...new Set(look[2] + modes[code])].sort().join("")];
      else if (code < 30) look = [look[0], look[1], look[2].replace(code == 22 ? /[bd]/g : modes[code - 20], "")];
      else if (code < 40 || (code >= 90 && code < 100)) look = [color(code, rest), look[1], look[2]];
      else look = [look[0], color(code, rest), look[2]];
    }
    return look;
  };
  // Changes the screen as the text says.
  const tell = (s, text) => {
    const put = (text, width) => {
      const at = s.y * s.cols + s.x;
      s.cells[at] = [text, s.look + "", width];
      for (let i = 1; i < width; i++) s.cells[at + i] = ["", s.look + "", 0];
      s.x += width;
    };
    let last = " ";
    for (const [all, hidden, p, final, width, wide] of text.matchAll(/\x1b\[(\??)([\d;]*)(.)|\x1b\]66;w=(\d+);([^\x07]*)\x07|[^]/gu)) {
      const n = +p || 1;
      if (wide) put(wide, +width);
      else if (all == "\r") s.x = 0;
      else if (all == "\n") s.y++;
      else if (all == "\b") s.x--;
      else if (!final) put((last = all), 1);
      else if (hidden) continue;
      else if (final == "m") s.look = style(s.look, p);
      else if (final == "C") s.x += n;
      else if (final == "B") s.y += n;
      else if (final == "G") s.x = n - 1;
      else if (final == "P") {
        const at = s.y * s.cols + s.x, end = (s.y + 1) * s.cols;
        s.cells.copyWithin(at, at + n, end);
        s.cells.fill([" ", s.look + "", 1], end - n, end);
      }
      else if (final == "H") [s.y, s.x] = [n - 1, 0].map((v, i) => (p.includes(";") ? p.split(";")[i] - 1 : v));
      else if (final == "b") for (let i = 0; i < n; i++) put(last, 1);
    }
  };
  return { start, tell };
})();
