/** Colours and type of the workspace: calm, dense, and legible at night. */
import { createTheme, type MantineColorsTuple } from "@mantine/core";

const lagoon: MantineColorsTuple = [
  "#e9f6f6",
  "#d3eaeb",
  "#a6d5d8",
  "#76bfc4",
  "#4eacb3",
  "#33979f",
  "#258088",
  "#1a6a72",
  "#12565d",
  "#08444a",
];

export const theme = createTheme({
  primaryColor: "lagoon",
  primaryShade: { light: 7, dark: 6 },
  colors: { lagoon },
  autoContrast: true,
  defaultRadius: "sm",
  fontFamily: 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace',
  headings: { fontWeight: "650", sizes: { h2: { fontSize: "1.375rem" }, h4: { fontSize: "1rem" } } },
  cursorType: "pointer",
  respectReducedMotion: true,
});
