// Sends every kind of request that a page of another origin can send, and writes down what came of it.
"use strict";

const target = new URLSearchParams(location.search).get("target");
const meshes = `${target}/v20190125/meshes`;
const TYPES = ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/json", "application/x-amz-json-1.1"];
const TAGGING = { "X-Amz-Target": "ResourceGroupsTaggingAPI_20170126.TagResources" };
let number = 0;

const body = () => JSON.stringify({ meshName: `stolen${(number += 1)}` });
const attempts = [];

function attempt(name, url, options) {
  attempts.push(
    fetch(url, options).then(
      (response) => [name, response.type === "opaque" ? "sent" : String(response.status)],
      () => [name, "blocked"],
    ),
  );
}

for (const mode of ["cors", "no-cors"]) {
  for (const method of ["PUT", "POST", "DELETE", "PATCH"]) {
    for (const type of TYPES) {
      attempt(`${mode} ${method} ${type}`, meshes, { mode, method, body: body(), headers: { "Content-Type": type } });
    }
    // A Blob without a type is sent without Content-Type.
    attempt(`${mode} ${method} without type`, meshes, { mode, method, body: new Blob([body()]) });
    attempt(`${mode} ${method} without body`, `${meshes}/kept`, { mode, method });
  }
  attempt(`${mode} reset`, `${target}/_endpoint/state`, { mode, method: "DELETE" });
  attempt(`${mode} faults`, `${target}/_endpoint/faults`, { mode, method: "PUT", body: new Blob(['{"faults": [{"fault": "throttle"}]}']) });
  attempt(`${mode} tagging`, `${target}/`, { mode, method: "POST", body: new Blob([body()]), headers: TAGGING });
}
for (const type of ["", "text/plain"]) {
  navigator.sendBeacon(meshes, new Blob([body()], { type }));
}
for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
  for (const method of ["post", "put"]) {
    const frame = document.createElement("iframe");
    frame.name = `frame${(number += 1)}`;
    const form = document.createElement("form");
    form.setAttribute("method", method);
    form.action = meshes;
    form.enctype = enctype;
    form.target = frame.name;
    const field = document.createElement("input");
    field.name = '{"meshName": "stolen", "clientToken": "';
    field.value = '"}';
    form.append(field);
    document.body.append(frame, form);
    attempts.push(new Promise((resolve) => frame.addEventListener("load", () => resolve([`form ${method} ${enctype}`, "sent"]), { once: true })));
    form.submit();
  }
}
Promise.all(attempts).then((results) => {
  const written = document.createElement("pre");
  written.textContent = JSON.stringify(results);
  document.body.replaceChildren(written);
});
