"""A UPnP control point made of GUPnP: finds a media server by its name and walks its tree.

Usage: controlpoint.py INTERFACE NAME SECONDS. Prints one JSON object: the device, and what
each folder holds.
"""

import json
import sys
from xml.etree import ElementTree

import gi

gi.require_version("GUPnP", "1.6")
gi.require_version("GUPnPAV", "1.0")
from gi.repository import GLib, GUPnP, GUPnPAV  # noqa: E402

DIRECTORY = "urn:schemas-upnp-org:service:ContentDirectory:1"
RES = "{urn:schemas-upnp-org:metadata-1-0/DIDL-Lite/}res"
SERVER = "urn:schemas-upnp-org:device:MediaServer:1"


def browse(service, parent):
    """Returns the folders and items below a folder."""
    action = GUPnP.ServiceProxyAction.new_from_list(
        "Browse",
        ["ObjectID", "BrowseFlag", "Filter", "StartingIndex", "RequestedCount", "SortCriteria"],
        [parent, "BrowseDirectChildren", "*", 0, 0, ""],
    )
    service.call_action(action, None)
    ok, values = action.get_result_list(
        ["Result", "NumberReturned", "TotalMatches"], [str, int, int]
    )
    children = []
    # GUPnP writes protocolInfo anew from what it understood; the tests want it as it came.
    protocols = {r.text: r.get("protocolInfo") for r in ElementTree.fromstring(values[0]).iter(RES)}

    def note(_, found):
        child = {"id": found.get_id(), "title": found.get_title(), "class": found.get_upnp_class()}
        if isinstance(found, GUPnPAV.DIDLLiteContainer):
            child["count"] = found.get_child_count()
            child["children"] = browse(service, found.get_id())
        else:
            child["resources"] = [
                {"url": r.get_uri(), "protocol": protocols[r.get_uri()], "size": r.get_size64()}
                for r in found.get_resources()
            ]
        children.append(child)

    parser = GUPnPAV.DIDLLiteParser()
    parser.connect("object-available", note)
    parser.parse_didl(values[0])
    if not len(children) == values[1] == values[2]:
        raise SystemExit(f"{parent}: {len(children)} children, returned {values[1]}, total {values[2]}")
    return children


def main():
    interface, name, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    context = GUPnP.Context.new(interface, 0)
    point = GUPnP.ControlPoint.new(context, SERVER)
    loop = GLib.MainLoop()
    found = {}

    def available(_, device):
        if device.get_friendly_name() == name:
            found["device"] = device
            loop.quit()

    point.connect("device-proxy-available", available)
    point.set_active(True)
    GLib.timeout_add(int(seconds * 1000), loop.quit)
    loop.run()
    if "device" not in found:
        raise SystemExit(f"no media server with the name {name} within {seconds} s")
    device = found["device"]
    service = device.get_service(DIRECTORY)
    print(json.dumps({"name": device.get_friendly_name(), "udn": device.get_udn(), "children": browse(service, "0")}))


main()
