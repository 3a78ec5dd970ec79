package main

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"math/big"

	"github.com/hashicorp/terraform-plugin-sdk/v2/diag"
	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/schema"
)

// randomProvider has the resources under the names, versions and shapes of the upstream provider, so that a stack
// can later go on with Pulumi's own plugin.
func randomProvider() *schema.Provider {
	return &schema.Provider{ResourcesMap: map[string]*schema.Resource{
		"random_id":       randomID(),
		"random_password": randomPassword(),
		"random_string":   randomString(),
	}}
}

// drawnOnce completes a resource whose value is drawn when it is created and then only kept: nothing outside the
// state holds it, so reading changes nothing, deleting only forgets, and any changed input draws anew.
func drawnOnce(draw schema.CreateContextFunc, properties ...map[string]*schema.Schema) *schema.Resource {
	kept := func(context.Context, *schema.ResourceData, any) diag.Diagnostics { return nil }
	resource := &schema.Resource{
		CreateContext: draw,
		ReadContext:   kept,
		DeleteContext: kept,
		Schema: map[string]*schema.Schema{"keepers": {
			Type:     schema.TypeMap,
			Elem:     &schema.Schema{Type: schema.TypeString},
			Optional: true,
			ForceNew: true,
		}},
	}
	for _, more := range properties {
		for name, property := range more {
			resource.Schema[name] = property
		}
	}
	return resource
}

func required(kind schema.ValueType) *schema.Schema {
	return &schema.Schema{Type: kind, Required: true, ForceNew: true}
}

func optional(kind schema.ValueType, otherwise any) *schema.Schema {
	return &schema.Schema{Type: kind, Optional: true, ForceNew: true, Default: otherwise}
}

func drawn(secret bool) *schema.Schema {
	return &schema.Schema{Type: schema.TypeString, Computed: true, Sensitive: secret}
}

// textProperties are what a random password and a random string have in common.
func textProperties() map[string]*schema.Schema {
	return map[string]*schema.Schema{
		"length":           required(schema.TypeInt),
		"lower":            optional(schema.TypeBool, true),
		"upper":            optional(schema.TypeBool, true),
		"numeric":          optional(schema.TypeBool, true),
		"special":          optional(schema.TypeBool, true),
		"override_special": optional(schema.TypeString, nil),
		"min_lower":        optional(schema.TypeInt, 0),
		"min_upper":        optional(schema.TypeInt, 0),
		"min_numeric":      optional(schema.TypeInt, 0),
		"min_special":      optional(schema.TypeInt, 0),
	}
}

// readAlphabets turns the inputs into the alphabets that randomText draws from.
func readAlphabets(d *schema.ResourceData) []alphabet {
	symbols := d.Get("override_special").(string)
	if symbols == "" {
		symbols = "!@#$%&*()-_=+[]{}<>:?"
	}
	var chosen []alphabet
	for _, group := range []struct{ name, characters string }{
		{"lower", "abcdefghijklmnopqrstuvwxyz"},
		{"upper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
		{"numeric", "0123456789"},
		{"special", symbols},
	} {
		chosen = append(chosen, alphabet{
			characters: group.characters,
			atLeast:    d.Get("min_" + group.name).(int),
			anywhere:   d.Get(group.name).(bool),
		})
	}
	return chosen
}

func randomString() *schema.Resource {
	draw := func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
		text, err := randomText(d.Get("length").(int), readAlphabets(d))
		if err != nil {
			return diag.FromErr(err)
		}
		d.SetId(text)
		return diag.FromErr(d.Set("result", text))
	}
	resource := drawnOnce(draw, textProperties(), map[string]*schema.Schema{"result": drawn(false)})
	resource.SchemaVersion = 2
	return resource
}

func randomPassword() *schema.Resource {
	draw := func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
		password, err := randomText(d.Get("length").(int), readAlphabets(d))
		if err != nil {
			return diag.FromErr(err)
		}
		hash, err := bcryptHash(password)
		if err != nil {
			return diag.FromErr(err)
		}
		d.SetId("none") // an ID is shown in the clear
		return diag.FromErr(errors.Join(d.Set("result", password), d.Set("bcrypt_hash", hash)))
	}
	resource := drawnOnce(draw, textProperties(), map[string]*schema.Schema{
		"result":      drawn(true),
		"bcrypt_hash": drawn(true),
	})
	resource.SchemaVersion = 3
	return resource
}

func randomID() *schema.Resource {
	draw := func(_ context.Context, d *schema.ResourceData, _ any) diag.Diagnostics {
		id, err := randomBytes(d.Get("byte_length").(int))
		if err != nil {
			return diag.FromErr(err)
		}
		d.SetId(base64.RawURLEncoding.EncodeToString(id))
		prefix := d.Get("prefix").(string)
		return diag.FromErr(errors.Join(
			d.Set("b64_std", prefix+base64.StdEncoding.EncodeToString(id)),
			d.Set("b64_url", prefix+d.Id()),
			d.Set("dec", prefix+new(big.Int).SetBytes(id).String()),
			d.Set("hex", prefix+hex.EncodeToString(id)),
		))
	}
	return drawnOnce(draw, map[string]*schema.Schema{
		"byte_length": required(schema.TypeInt),
		"prefix":      optional(schema.TypeString, nil),
		"b64_std":     drawn(false),
		"b64_url":     drawn(false),
		"dec":         drawn(false),
		"hex":         drawn(false),
	})
}
