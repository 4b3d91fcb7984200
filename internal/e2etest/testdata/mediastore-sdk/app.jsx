// SPDX-FileCopyrightText: The usher authors
// SPDX-License-Identifier: Apache-2.0

// A site that uses the forms of Cleeng's library as its documentation says.
// The address's fragment names the form to show; a form that is done leads to
// a fragment that says so.

import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { Provider } from "react-redux";
import { Auth, Capture, CheckoutConsents, Config, Login, PasswordReset, Register, UpdateProfile, store } from "@cleeng/mediastore-sdk";

function configure() {
  Config.setEnvironment("development"); // every call is relative to the page
  Config.setPublisher("100000001");
}

function go(page) {
  location.hash = page;
}

const pages = {
  register: () => <Register onSuccess={() => go("registered")} onHaveAccountClick={() => go("login")} />,
  login: () => (
    <Login onSuccess={() => go("logged-in")} onRegisterClick={() => go("register")} onPasswordResetClick={() => go("reset")} />
  ),
  consents: () => <CheckoutConsents onSuccess={() => go("consented")} />,
  capture: () => <Capture onSuccess={() => go("captured")} />,
  profile: () => <UpdateProfile />,
  reset: () => <PasswordReset onSuccess={() => go("mailed")} />,
};

function logOut() {
  Auth.logout(() => {
    configure(); // logging out forgets the configuration, too
    go("logged-out");
  });
}

function App() {
  const [page, setPage] = useState(location.hash.slice(1));
  useEffect(() => {
    const follow = () => setPage(location.hash.slice(1));
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return (
    <>
      <main id={"page-" + page} key={page}>
        {pages[page]?.()}
      </main>
      <button id="log-out" onClick={logOut}>
        Log out
      </button>
    </>
  );
}

configure();
window.Config = Config; // for tests that bring tokens of their own
createRoot(document.getElementById("root")).render(
  <Provider store={store}>
    <App />
  </Provider>,
);
