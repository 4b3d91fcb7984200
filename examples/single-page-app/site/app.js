// Everything that a single-page app needs to know of usher. All addresses are of
// the app's own origin, so there is no CORS, and no token is in any script: the
// browser sends a cookie that scripts cannot read, and the gate renews it.

const json = { headers: { Accept: "application/json" } };

// session tells who is signed in, and where to sign in when nobody is.
async function session() {
	const answer = await fetch("/.usher/session", json);
	if (!answer.ok) throw new Error("who is signed in cannot be told right now");
	return answer.json();
}

// signIn leads to the hub and back to this address. What is after # is not sent
// to any server, so it is kept here.
function signIn(loginUrl) {
	sessionStorage.setItem("hash", location.hash);
	location.assign(loginUrl);
	return new Promise(() => {}); // the page is being left
}

// api calls the app's server. Whoever is not signed in any more, or has to accept
// new terms first, is led there and comes back.
async function api(path, options = {}) {
	const answer = await fetch(path, { ...json, ...options });
	if (answer.status === 401) return signIn((await answer.json()).loginUrl);
	if (!answer.ok) throw new Error(`${path}: status ${answer.status}`);
	return answer.json();
}

// signOut ends the session at every site, and leads to the hub's page that tells
// so.
async function signOut() {
	const answer = await fetch("/.usher/logout", { ...json, method: "POST" });
	if (answer.ok) location.assign((await answer.json()).signedOutUrl);
}

const element = (id) => document.getElementById(id);

async function show() {
	const { signedIn, email, loginUrl } = await session();
	element("who").textContent = signedIn ? `Signed in as ${email}.` : "You are not signed in.";
	element("sign-in").hidden = signedIn;
	element("sign-out").hidden = !signedIn;
	element("sign-in").onclick = () => signIn(loginUrl);
	if (!signedIn) element("answer").textContent = "";
}

element("sign-out").onclick = signOut;
element("watchlist").onclick = async () => {
	element("answer").textContent = JSON.stringify(await api("/api/watchlist"), null, 2);
};

// A tab that was in the background may have been signed out elsewhere.
addEventListener("visibilitychange", () => document.visibilityState === "visible" && show());

const hash = sessionStorage.getItem("hash");
if (hash) {
	sessionStorage.removeItem("hash");
	history.replaceState(null, "", hash);
}
show();
