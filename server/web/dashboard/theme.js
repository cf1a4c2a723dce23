// theme: dark, light, or as the system has it. The dark sheet's media query is all that changes.

const KEY = "councilws.theme";
const MEDIA = { auto: "(prefers-color-scheme: dark)", dark: "all", light: "not all" };

let theme = "auto";
try {
  theme = localStorage.getItem(KEY) in MEDIA ? localStorage.getItem(KEY) : "auto";
} catch {
  // without storage: as the system has it
}
apply();

function apply() {
  document.getElementById("dark").media = MEDIA[theme];
}

export const currentTheme = () => theme;

export function setTheme(wanted) {
  theme = wanted in MEDIA ? wanted : "auto";
  apply();
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // lasts as long as the page
  }
}
