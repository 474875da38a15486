// Where people are: a home of each, the places of the demo, and where a phone was last said to be.

import { admin } from "./api.js";
import { state } from "./state.js";

const OWN = [
  { label: "石固镇 石固村", lat: 34.1907, lng: 113.7013 },
  { label: "坡胡镇 坡胡村", lat: 34.2262, lng: 113.7092 },
  { label: "长葛市政府", lat: 34.1946, lng: 113.8132 },
];
const standing = new Map();
let given = [];

/** Read the places this simulator was started with. */
export async function loadPlaces() {
  try {
    given = (await admin.get("places")).places || [];
  } catch {
    given = [];
  }
}

export function places() {
  return given.length ? given : OWN;
}

/** The home of a person, when the platform was told. */
export function homeOf(person) {
  return state.people.get(person)?.home || null;
}

/** Where the phone of a person is: where it was last said to be, at home, or at the first place. */
export function placeNow(person) {
  return standing.get(person) || homeOf(person) || places()[0];
}

export function stayAt(person, place) {
  standing.set(person, place);
}
