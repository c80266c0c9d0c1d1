// Numbers and times as people read them. Money arrives as decimal text and is only ever shown, never summed.

const MISSING = "–";
const grouped = new Map();

function formatter(digits) {
  if (!grouped.has(digits)) {
    grouped.set(digits, new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }));
  }
  return grouped.get(digits);
}

export function money(text, digits = 2) {
  return text == null ? MISSING : formatter(digits).format(Number(text));
}

export function price(text) {
  if (text == null) return MISSING;
  const value = Math.abs(Number(text));
  return money(text, value >= 1 ? 2 : value >= 0.01 ? 4 : 8);
}

export function quantity(text) {
  if (text == null) return MISSING;
  return new Intl.NumberFormat("en-US", { maximumSignificantDigits: 7 }).format(Number(text));
}

export function signed(text, digits = 2) {
  if (text == null) return MISSING;
  const value = Number(text);
  return (value > 0 ? "+" : value < 0 ? "−" : "") + formatter(digits).format(Math.abs(value));
}

export function percent(fraction, digits = 2, sign = false) {
  if (fraction == null) return MISSING;
  const value = Number(fraction) * 100;
  const shown = sign ? signed(value, digits) : formatter(digits).format(value);
  return `${shown} %`;
}

export function tone(text) {
  const value = Number(text);
  return value > 0 ? "up" : value < 0 ? "down" : "flat";
}

export function day(iso) {
  return iso ? iso.slice(0, 10) : MISSING;
}

export function clock(iso) {
  return iso ? iso.slice(11, 16) : MISSING;
}

export function stamp(iso) {
  return iso ? `${day(iso)} ${clock(iso)}` : MISSING;
}

export function short(iso) {
  return iso ? `${iso.slice(5, 10)} ${clock(iso)}` : MISSING;
}

export function seconds(value) {
  if (value == null) return MISSING;
  if (value < 0.001) return "<1 ms";
  if (value < 1) return `${Math.round(value * 1000)} ms`;
  if (value < 90) return `${value.toFixed(1)} s`;
  if (value < 5400) return `${Math.round(value / 60)} min`;
  return value < 172800 ? `${Math.round(value / 3600)} h` : `${Math.round(value / 86400)} d`;
}

export function count(value) {
  if (value == null) return MISSING;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  return value >= 1e4 ? `${(value / 1e3).toFixed(0)}k` : formatter(0).format(value);
}

export function cost(text) {
  const value = Number(text);
  return value === 0 ? "$0" : `$${value < 0.01 ? value.toFixed(4) : value.toFixed(2)}`;
}

export function words(name) {
  const text = String(name ?? "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function unix(iso) {
  return Math.floor(Date.parse(iso) / 1000);
}
