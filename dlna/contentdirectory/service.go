// Package contentdirectory is the service through which screens look for something to
// watch: the catalog as a tree of containers and items (ContentDirectory:1).
//
//	0              the root
//	├ 0$channels   every channel, and before them the folders
//	│  ├ …$favourites
//	│  ├ …$recent  what was watched last, newest first
//	│  └ …$group$  a folder for each group of channels
//	└ 0$films      every film, and before them the folders
//	   ├ …$continue what was begun
//	   ├ …$favourites
//	   └ …$folder$ a folder for each group of films
//
// Folders that would be empty are left out. The ID of an item is its ID in the catalog, the same as in
// the URLs of the gateway; in the folders within channels and films stand references to it (@refID).
package contentdirectory

import (
	"github.com/anacrolix/dms/upnp"
	"github.com/swarmgate/swarmgate/dlna/description"
)

// Evented variables of the service.
const (
	SystemUpdateID     = "SystemUpdateID"
	ContainerUpdateIDs = "ContainerUpdateIDs"
	TransferIDs        = "TransferIDs"
)

// Description returns the description of the service.
func Description() *description.Service {
	type args = []description.Argument
	return &description.Service{
		Type: "urn:schemas-upnp-org:service:ContentDirectory:1",
		ID:   "urn:upnp-org:serviceId:ContentDirectory",
		Path: "ContentDirectory",
		Actions: []description.Action{
			{
				Name: "Browse",
				In: args{
					{Name: "ObjectID", Variable: "A_ARG_TYPE_ObjectID"},
					{Name: "BrowseFlag", Variable: "A_ARG_TYPE_BrowseFlag"},
					{Name: "Filter", Variable: "A_ARG_TYPE_Filter"},
					{Name: "StartingIndex", Variable: "A_ARG_TYPE_Index"},
					{Name: "RequestedCount", Variable: "A_ARG_TYPE_Count"},
					{Name: "SortCriteria", Variable: "A_ARG_TYPE_SortCriteria"},
				},
				Out: args{
					{Name: "Result", Variable: "A_ARG_TYPE_Result"},
					{Name: "NumberReturned", Variable: "A_ARG_TYPE_Count"},
					{Name: "TotalMatches", Variable: "A_ARG_TYPE_Count"},
					{Name: "UpdateID", Variable: "A_ARG_TYPE_UpdateID"},
				},
			},
			{
				Name: "Search",
				In: args{
					{Name: "ContainerID", Variable: "A_ARG_TYPE_ObjectID"},
					{Name: "SearchCriteria", Variable: "A_ARG_TYPE_SearchCriteria"},
					{Name: "Filter", Variable: "A_ARG_TYPE_Filter"},
					{Name: "StartingIndex", Variable: "A_ARG_TYPE_Index"},
					{Name: "RequestedCount", Variable: "A_ARG_TYPE_Count"},
					{Name: "SortCriteria", Variable: "A_ARG_TYPE_SortCriteria"},
				},
				Out: args{
					{Name: "Result", Variable: "A_ARG_TYPE_Result"},
					{Name: "NumberReturned", Variable: "A_ARG_TYPE_Count"},
					{Name: "TotalMatches", Variable: "A_ARG_TYPE_Count"},
					{Name: "UpdateID", Variable: "A_ARG_TYPE_UpdateID"},
				},
			},
			{Name: "GetSearchCapabilities", Out: args{{Name: "SearchCaps", Variable: "SearchCapabilities"}}},
			{Name: "GetSortCapabilities", Out: args{{Name: "SortCaps", Variable: "SortCapabilities"}}},
			{Name: "GetSystemUpdateID", Out: args{{Name: "Id", Variable: SystemUpdateID}}},
			{Name: "X_GetFeatureList", Out: args{{Name: "FeatureList", Variable: "A_ARG_TYPE_Featurelist"}}},
			{Name: "X_SetBookmark", In: args{
				{Name: "CategoryType", Variable: "A_ARG_TYPE_CategoryType"},
				{Name: "RID", Variable: "A_ARG_TYPE_RID"},
				{Name: "ObjectID", Variable: "A_ARG_TYPE_ObjectID"},
				{Name: "PosSecond", Variable: "A_ARG_TYPE_PosSec"},
			}},
		},
		Variables: []upnp.StateVariable{
			description.EventedVariable(TransferIDs, "string"),
			description.EventedVariable(SystemUpdateID, "ui4"),
			description.EventedVariable(ContainerUpdateIDs, "string"),
			description.Variable("SearchCapabilities", "string"),
			description.Variable("SortCapabilities", "string"),
			description.Variable("A_ARG_TYPE_ObjectID", "string"),
			description.Variable("A_ARG_TYPE_Result", "string"),
			description.Variable("A_ARG_TYPE_BrowseFlag", "string", browseMetadata, browseChildren),
			description.Variable("A_ARG_TYPE_Filter", "string"),
			description.Variable("A_ARG_TYPE_SearchCriteria", "string"),
			description.Variable("A_ARG_TYPE_SortCriteria", "string"),
			description.Variable("A_ARG_TYPE_Index", "ui4"),
			description.Variable("A_ARG_TYPE_Count", "ui4"),
			description.Variable("A_ARG_TYPE_UpdateID", "ui4"),
			description.Variable("A_ARG_TYPE_Featurelist", "string"),
			description.Variable("A_ARG_TYPE_CategoryType", "ui4"),
			description.Variable("A_ARG_TYPE_RID", "ui4"),
			description.Variable("A_ARG_TYPE_PosSec", "ui4"),
		},
	}
}

// features is the answer to X_GetFeatureList, with which Samsung's television sets begin:
// in which container to look for which kind of media. An error would end the visit.
const features = `<Features xmlns="urn:schemas-upnp-org:av:avs"` +
	` xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"` +
	` xsi:schemaLocation="urn:schemas-upnp-org:av:avs http://www.upnp.org/schemas/av/avs.xsd">` +
	`<Feature name="samsung.com_BASICVIEW" version="1">` +
	`<container id="0" type="object.item.videoItem"/>` +
	`<container id="0" type="object.item.audioItem"/>` +
	`<container id="0" type="object.item.imageItem"/>` +
	`</Feature></Features>`
