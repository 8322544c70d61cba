/** Where a browser finds the module: beside this file, which bundlers understand too. */
export function moduleSource(): URL {
  return new URL("./wasm/chartroom_bg.wasm", import.meta.url);
}
