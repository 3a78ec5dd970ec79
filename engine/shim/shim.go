// Package shim opens the upstream Terraform provider for Docker to the rest of this module.
//
// The provider lives in a Go-internal package, which only a package below the provider's own import path may
// import. The name of this little module puts it there.
package shim

import (
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
	"github.com/terraform-providers/terraform-provider-docker/internal/provider"
)

// New returns the upstream provider; version is what it calls itself in its requests to Docker.
func New(version string) *schema.Provider {
	return provider.New(version)()
}
