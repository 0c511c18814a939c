// Brings the panel what changes with every commit, so that its curves need not come again. The panel may be there
// already or arrive later: it is told, and finds the newest here.

export default function render({ data }) {
  const news = (window.transactionTaggerNews ??= new Map());
  news.set(data.key, data);
  document.dispatchEvent(new CustomEvent("transaction-tagger-news", { detail: data.key }));
}
