"""What Streamlit's own options cannot say of the layout, as a style sheet."""

from __future__ import annotations

# Content first: Streamlit leaves a sixth of a phone's screen empty above the title. Nested in .stApp, the rules win
# over Streamlit's own also from the head of the HTML, where they hold before anything is drawn.
STYLE = """<style>
.stApp {
  .stMainBlockContainer { padding-top: 4.5rem; max-width: 76rem; }
  .stMainBlockContainer h1 { font-size: 1.75rem; padding: 0 0 0.5rem; }
  [data-testid="stCaptionContainer"] { color: color-mix(in srgb, currentColor 78%, transparent); opacity: 1; }
  /* Streamlit tells screen readers, and only them, why a file was refused. */
  .stTooltipErrorHoverTarget .stFileChip { width: auto; max-width: none; }
  .stTooltipErrorHoverTarget .stFileChip > span {
    position: static; width: auto; height: auto; margin: 0 0.5rem; clip: auto; white-space: normal;
  }
  .stTooltipErrorHoverTarget .stFileChip > span::after {
    content: " Export fewer months at a time, or split the file.";
  }
  /* Buttons that start a training, and in their place its progress: as high, so that nothing below moves. */
  .st-key-start { min-height: 3rem; justify-content: center; }
  /* What the browser loads late has its room from the start: else all below it, or beside it, jumps when it comes. */
  .st-key-show { min-width: 14.5rem; }
  .st-key-page { min-width: 16rem; }
  .st-key-list:has(~ .st-key-next) { min-height: 100vh; }
  @media (min-width: 641px) {
    .st-key-show [data-testid="stSkeleton"] { height: 2.375rem; }
    .st-key-page [data-testid="stSkeleton"] { height: 2rem; }
    .st-key-page .stPagination { justify-content: flex-end; }
  }
  @media (max-width: 640px) {
    .st-key-page { min-width: 100%; }
    .stMainBlockContainer { padding-left: 1rem; padding-right: 1rem; }
    .stMainBlockContainer button, .stMainBlockContainer input, [data-testid="stSidebarNavLink"] { min-height: 2.5rem; }
  }
}
</style>"""
