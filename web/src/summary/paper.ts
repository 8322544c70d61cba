/** The margins of printed pages: whose page it is and which of how many stands on each of them. */

/** The style for pages that say `whose` at their top. */
export function pageMargins(whose: string): string {
  return `@page {
  margin: 18mm 14mm;
  @top-left { content: ${cssString(whose)}; font: 600 9pt system-ui; }
  @bottom-right { content: counter(page) " of " counter(pages); font: 9pt system-ui; }
}`;
}

/** A text as a string of CSS: what could end it, or the element around it, goes by its number. */
export function cssString(text: string): string {
  const escaped = text.replace(/[^\p{L}\p{N} ,.()-]/gu, (letter) => `\\${letter.codePointAt(0)?.toString(16)} `);
  return `"${escaped}"`;
}
