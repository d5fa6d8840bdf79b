package store

import (
	"github.com/legivellum/metagate/db"
	"github.com/legivellum/metagate/gen/postgres"
)

// JSON is the text of a JSON column.
type JSON = db.JSON

// The rows.
type (
	APIKey         = postgres.APIKey
	AuditLog       = postgres.AuditLog
	Binding        = postgres.Binding
	Manifest       = postgres.Manifest
	Principal      = postgres.Principal
	Profile        = postgres.Profile
	SecretRef      = postgres.SecretRef
	StartupSession = postgres.StartupSession
)

// The arguments and results of the queries.
type (
	AcknowledgeStartupParams = postgres.AcknowledgeStartupParams
	CountOpenStartupsRow     = postgres.CountOpenStartupsRow
	CountOtherAdminsParams   = postgres.CountOtherAdminsParams
	CreateAPIKeyParams       = postgres.CreateAPIKeyParams
	CreateAuditEntryParams   = postgres.CreateAuditEntryParams
	CreateBindingParams      = postgres.CreateBindingParams
	CreateManifestParams     = postgres.CreateManifestParams
	CreatePrincipalParams    = postgres.CreatePrincipalParams
	CreateProfileParams      = postgres.CreateProfileParams
	CreateSecretRefParams    = postgres.CreateSecretRefParams
	DeleteOldStartupsParams  = postgres.DeleteOldStartupsParams
	GetIdentityByKeyHashRow  = postgres.GetIdentityByKeyHashRow
	GetIdentityBySubjectRow  = postgres.GetIdentityBySubjectRow
	GetManifestByKeyParams   = postgres.GetManifestByKeyParams
	GetPrincipalByKeyParams  = postgres.GetPrincipalByKeyParams
	GetProfileByKeyParams    = postgres.GetProfileByKeyParams
	GetRevisionRow           = postgres.GetRevisionRow
	ListAPIKeysParams        = postgres.ListAPIKeysParams
	ListAlarmsParams         = postgres.ListAlarmsParams
	ListAlarmsRow            = postgres.ListAlarmsRow
	ListAuditLogParams       = postgres.ListAuditLogParams
	ListBindingsParams       = postgres.ListBindingsParams
	ListManifestsParams      = postgres.ListManifestsParams
	ListPrincipalsParams     = postgres.ListPrincipalsParams
	ListProfilesParams       = postgres.ListProfilesParams
	ListSecretRefsParams     = postgres.ListSecretRefsParams
	ListStartupsParams       = postgres.ListStartupsParams
	LockTenantParams         = postgres.LockTenantParams
	LockTenantRow            = postgres.LockTenantRow
	OpenStartupParams        = postgres.OpenStartupParams
	ReportStartupParams      = postgres.ReportStartupParams
	SetRevisionParams        = postgres.SetRevisionParams
	SupersedeStartupParams   = postgres.SupersedeStartupParams
	TouchAPIKeyParams        = postgres.TouchAPIKeyParams
	UpdateAPIKeyParams       = postgres.UpdateAPIKeyParams
	UpdateBindingParams      = postgres.UpdateBindingParams
	UpdateManifestParams     = postgres.UpdateManifestParams
	UpdatePrincipalParams    = postgres.UpdatePrincipalParams
	UpdateProfileParams      = postgres.UpdateProfileParams
	UpdateSecretRefParams    = postgres.UpdateSecretRefParams
)
