// The page works without this: it brings the figures up to date while nothing on them is in use.
"use strict";
const period = 5000;
setInterval(async () => {
	const live = document.getElementById("live");
	if (document.hidden || live.contains(document.activeElement)) return;
	try {
		const answer = await fetch(location.href, {cache: "no-store"});
		if (!answer.ok) throw new Error(answer.statusText);
		const news = new DOMParser().parseFromString(await answer.text(), "text/html");
		const wide = live.querySelector(".wide");
		const left = wide ? wide.scrollLeft : 0;
		live.replaceWith(news.getElementById("live"));
		for (const id of ["state", "lately"]) document.getElementById(id).replaceWith(news.getElementById(id));
		const again = document.querySelector("#live .wide");
		if (again) again.scrollLeft = left;
	} catch {
		const state = document.getElementById("state");
		state.className = "failing";
		state.textContent = "The tracker does not answer";
	}
}, period);
