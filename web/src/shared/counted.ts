/** "1 note", "1,024 notes"; `more` where the plural is not the singular with an s. */
export function counted(count: number, one: string, more = `${one}s`): string {
  return `${count.toLocaleString("en")} ${count === 1 ? one : more}`;
}
