"""A control point made of GUPnP that goes through a large catalog: paging, sorting, searching, and
events with their renewals.

Usage: household.py INTERFACE NAME SECONDS API LINK. Prints one JSON object; the tests in Go judge
it. LINK is added by API while the events are listened to.
"""

import json
import sys
import time
import urllib.request
from xml.etree import ElementTree

import gi

gi.require_version("GUPnP", "1.6")
gi.require_version("GUPnPAV", "1.0")
from gi.repository import GLib, GObject, GUPnP  # noqa: E402

DIRECTORY = "urn:schemas-upnp-org:service:ContentDirectory:1"
MANAGER = "urn:schemas-upnp-org:service:ConnectionManager:1"
SERVER = "urn:schemas-upnp-org:device:MediaServer:1"
DIDL = "{urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/}"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
# Devices that subscribe, each to two services.
SUBSCRIBERS = 1
GRANTED = 60


def call(service, name, given, wanted):
    """Carries out an action and returns the results of these names and types."""
    action = GUPnP.ServiceProxyAction.new_from_list(name, list(given), list(given.values()))
    # Waiting without the main loop would keep subscriptions under way from their connections.
    done = []
    service.call_action_async(action, None, lambda _, answer: done.append(answer))
    while not done:
        GLib.MainContext.default().iteration(True)
    service.call_action_finish(done[0])
    return action.get_result_list(list(wanted), list(wanted.values()))[1]


def objects(didl):
    """Returns the objects of a DIDL-Lite document in their order."""
    found = []
    for element in ElementTree.fromstring(didl):
        item = {"id": element.get("id"), "title": element.findtext(TITLE), "folder": element.tag == DIDL + "container"}
        if item["folder"]:
            item["count"] = int(element.get("childCount"))
        found.append(item)
    return found


RESULT = {"Result": str, "NumberReturned": GObject.TYPE_UINT, "TotalMatches": GObject.TYPE_UINT, "UpdateID": GObject.TYPE_UINT}


def browse(service, parent, start=0, count=0, order=""):
    """Returns a page of a folder, and how many objects there are in all."""
    didl, returned, total, _ = call(service, "Browse", {
        "ObjectID": parent, "BrowseFlag": "BrowseDirectChildren", "Filter": "*",
        "StartingIndex": start, "RequestedCount": count, "SortCriteria": order,
    }, RESULT)
    found = objects(didl)
    if len(found) != returned:
        raise SystemExit(f"{parent}: {len(found)} objects, NumberReturned {returned}")
    return found, total


def search(service, criteria):
    """Returns the titles that a search in the whole catalog finds."""
    didl, _, total, _ = call(service, "Search", {
        "ContainerID": "0", "SearchCriteria": criteria, "Filter": "dc:title",
        "StartingIndex": 0, "RequestedCount": 0, "SortCriteria": "+dc:title",
    }, RESULT)
    titles = [o["title"] for o in objects(didl)]
    if len(titles) != total:
        raise SystemExit(f"{criteria}: {len(titles)} of {total}")
    return titles


def spin(seconds, until=lambda: False):
    """Runs the main loop until something is true or the time is over. Returns the seconds taken."""
    began = time.monotonic()
    ticks = GLib.timeout_add(20, lambda: True)
    while time.monotonic() - began < seconds and not until():
        GLib.MainContext.default().iteration(True)
    GLib.source_remove(ticks)
    return time.monotonic() - began


def walk(service):
    """Goes through the catalog in all ways."""
    root, _ = browse(service, "0")
    channels = next(o for o in root if o["title"] == "Channels")
    children, total = browse(service, channels["id"])
    paged = []
    for start in range(0, total + 70, 70):
        part, of = browse(service, channels["id"], start, 70)
        if of != total:
            raise SystemExit(f"page at {start}: TotalMatches {of}, before {total}")
        paged += part
    if browse(service, channels["id"], total + 5, 10)[0]:
        raise SystemExit("objects behind the end")
    up, _ = browse(service, channels["id"], order="+dc:title")
    down, _ = browse(service, channels["id"], order="-dc:title")
    groups = {}
    for folder in children:
        if folder["folder"]:
            groups[folder["title"]] = [o["title"] for o in browse(service, folder["id"])[0]]
            if len(groups[folder["title"]]) != folder["count"]:
                raise SystemExit(f"{folder}: {len(groups[folder['title']])} children")
    began = time.monotonic()
    for _ in range(5):
        browse(service, channels["id"])
    return {
        "total": total,
        "titles": [o["title"] for o in children if not o["folder"]],
        "paged": [o["id"] for o in paged] == [o["id"] for o in children],
        "up": [o["title"] for o in up if not o["folder"]],
        "down": [o["title"] for o in down if not o["folder"]],
        "groups": groups,
        "browse_ms": (time.monotonic() - began) / 5 * 1000,
        "search_caps": call(service, "GetSearchCapabilities", {}, {"SearchCaps": str})[0],
        "sort_caps": call(service, "GetSortCapabilities", {}, {"SortCaps": str})[0],
        "system_update": call(service, "GetSystemUpdateID", {}, {"Id": GObject.TYPE_UINT})[0],
        "search": {
            criteria: search(service, criteria)
            for criteria in (
                'dc:title contains "Nº 7"',
                'upnp:class derivedfrom "object.item.videoItem" and upnp:genre = "Group & \\"3\\""',
                'upnp:class derivedfrom "object.item" and dc:title contains "ROCK & ROLL"',
                'dc:title contains "שלום"',
                'dc:title contains "there is none"',
            )
        },
    }


def main():
    interface, name, seconds, api, link = sys.argv[1], sys.argv[2], float(sys.argv[3]), sys.argv[4], sys.argv[5]
    found, points, services, events = [], [], [], []
    for _ in range(SUBSCRIBERS):
        context = GUPnP.Context.new(interface, 0)
        context.set_subscription_timeout(GRANTED)
        point = GUPnP.ControlPoint.new(context, SERVER)
        point.connect("device-proxy-available", lambda _, d: d.get_friendly_name() == name and found.append(d))
        point.set_active(True)
        points.append((context, point))
    spin(seconds, lambda: len(found) == SUBSCRIBERS)
    if len(found) < SUBSCRIBERS:
        raise SystemExit(f"no media server with the name {name} within {seconds} s")

    def note(_, variable, value):
        events.append((variable, value))

    for device in found:
        for kind, variables in [
            (DIRECTORY, {"SystemUpdateID": GObject.TYPE_UINT, "ContainerUpdateIDs": str}),
            (MANAGER, {"SourceProtocolInfo": str}),
        ]:
            service = device.get_service(kind)
            for variable, form in variables.items():
                service.add_notify(variable, form, note)
            service.set_subscribed(True)
            services.append(service)
    seen = {"initial_s": spin(5, lambda: len(events) == 3 * SUBSCRIBERS)}
    seen["initial"] = sorted(set((variable, str(value)) for variable, value in events))
    report = walk(services[0])
    report["events"] = seen
    if "--renew" in sys.argv:
        print("waiting", flush=True)  # until the test has seen a renewal
        spin(35, ready)
    events.clear()
    request = urllib.request.Request(api, json.dumps({"link": link}).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=5).read()
    seen["change_s"] = spin(5, lambda: len(events) >= 2 * SUBSCRIBERS)
    seen["change"] = sorted(set((variable, str(value)) for variable, value in events))
    channels = next(o for o in browse(services[0], "0")[0] if o["title"] == "Channels")
    report["after"] = browse(services[0], channels["id"])[1]
    report["lost"] = [s.get_subscribed() for s in services].count(False)
    for service in services:
        service.set_subscribed(False)
    spin(0.3)
    print(json.dumps(report))


def ready():
    """Tells whether the test has written a line."""
    import select

    return bool(select.select([sys.stdin], [], [], 0)[0])


main()
