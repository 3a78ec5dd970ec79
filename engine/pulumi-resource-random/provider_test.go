package main

import "testing"

func TestTheSchemaIsOneThatTheBridgeAndTerraformAccept(t *testing.T) {
	if err := randomProvider().InternalValidate(); err != nil {
		t.Error(err)
	}
	for terraform, pulumi := range map[string]string{
		"random_id":       "random:index/randomId:RandomId",
		"random_password": "random:index/randomPassword:RandomPassword",
		"random_string":   "random:index/randomString:RandomString",
	} {
		if got := provider("1.2.3").Resources[terraform].Tok.String(); got != pulumi {
			t.Errorf("%s is %s, but pulumi_random asks for %s", terraform, got, pulumi)
		}
	}
}
